-- Publishes a batch. With no message it only makes sure that the generation is this server's.
--
-- KEYS from 3: per message its stream and, with an id, where its position is remembered
-- ARGV from 3: per message the known era or 0, count, expire in seconds, flags (1 an id, 2 ephemeral, 4 a probe), retention in ms, blob

local key, i = 3, 3
while i <= #ARGV do
  local era, count, expire_s, flags, ttl_ms, blob = ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]), ARGV[i + 4], ARGV[i + 5]
  i = i + 6
  local stream, idkey = KEYS[key], nil
  key = key + 1
  if flags % 2 == 1 then
    idkey = KEYS[key]
    key = key + 1
  end
  local known = idkey and redis.call('GET', idkey)
  if known then
    results[#results + 1] = '=' .. known
  else
    local id, before = '.', ''
    if flags < 2 then id, before = append(stream, era, count, expire_s, { 'k', ttl_ms, 'd', blob }) end
    if id then
      if idkey then redis.call('SET', idkey, id, 'EX', 120) end
      local frame = flags == 4 and 'E ' .. blob or 'M ' .. id .. ' ' .. int(ts) .. ' ' .. before .. ' ' .. blob
      redis.call('PUBLISH', stream, frame)
      results[#results + 1] = id
    else
      results[#results + 1] = before
    end
  end
end
return reply()
