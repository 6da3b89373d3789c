-- Applies presence changes. The member tables and the stream of changes move together.
--
-- KEYS from 3: per change its stream, the members, the users, and the node's index (stream -> members that the node has there)
-- ARGV from 3: per change the known era or 0, count, expire in seconds, retention in ms, op (e, u or l), member, user, most users
-- or 0, the node's tag, the tag that the member must have to leave or '', blob
--
-- A member is kept as `<position of its last change> <position of its entering> <tag> <blob>`.

local key, i = 3, 3
local function count_in_index(index, stream, by)
  if redis.call('HINCRBY', index, stream, by) <= 0 then redis.call('HDEL', index, stream) end
end

while i <= #ARGV do
  local era, count, expire_s, ttl_ms, op, member, user, users_max = unpack(ARGV, i, i + 7)
  local tag, only, blob = ARGV[i + 8], ARGV[i + 9], ARGV[i + 10]
  i = i + 11
  local stream, members, users, index = unpack(KEYS, key, key + 3)
  key = key + 4
  local held = redis.call('HGET', members, member)
  local entered, held_tag, held_blob
  if held then entered, held_tag, held_blob = string.match(held, '^%S+ (%S+) (%S+) (.*)$') end
  local index_of = string.sub(index, 1, #index - #tag)
  local limit = tonumber(users_max)
  if op == 'l' and (not held or (only ~= '' and only ~= held_tag)) then
    results[#results + 1] = '='
  elseif not held and limit > 0 and redis.call('HLEN', users) >= limit and redis.call('HEXISTS', users, user) == 0 then
    results[#results + 1] = '!limit'
  else
    local connections = tonumber(redis.call('HGET', users, user) or 0)
    local flags
    if op == 'l' then
      flags, blob = 'l0' .. (connections <= 1 and '1' or '0'), held_blob
    elseif held then
      flags = 'u00'
    else
      flags = 'e' .. (connections == 0 and '1' or '0') .. '0'
    end
    local id, before = append(stream, era, count, expire_s, { 'k', ttl_ms, 'o', flags, 'd', blob })
    if id then
      if op == 'l' then
        redis.call('HDEL', members, member)
        count_in_index(index_of .. held_tag, stream, -1)
        if connections <= 1 then redis.call('HDEL', users, user) else redis.call('HINCRBY', users, user, -1) end
      else
        redis.call('HSET', members, member, id .. ' ' .. (entered or id) .. ' ' .. tag .. ' ' .. blob)
        if not held then redis.call('HINCRBY', users, user, 1) end
        if held_tag ~= tag then
          count_in_index(index, stream, 1)
          if held_tag then count_in_index(index_of .. held_tag, stream, -1) end
        end
      end
      redis.call('PUBLISH', stream, 'P ' .. id .. ' ' .. int(ts) .. ' ' .. before .. ' ' .. flags .. ' ' .. blob)
      results[#results + 1] = id
    else
      results[#results + 1] = before
    end
  end
end
return reply()
