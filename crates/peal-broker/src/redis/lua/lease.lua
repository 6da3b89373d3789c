#!lua
-- Node ids, each leased to one incarnation. KEYS[1] nodes: id -> `<tag> <Unix ms at which the lease ends>`
-- ARGV: tag, lease in ms (0 gives it back), the id held or 0, the first id to try, ids in all. Answers the id, or 0 if another incarnation
-- has the id held.

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local tag, held, first, ids = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local ends = string.format('%.0f', now_ms + tonumber(ARGV[2]))

local function is_free(id)
  local lease = redis.call('HGET', KEYS[1], id)
  if not lease then return true end
  local owner = string.match(lease, '^(%S+) ')
  -- The id of a dead node is free once a survivor has put its members away and removed it.
  return owner == tag
end

if held > 0 then
  if not is_free(held) then return 0 end
  if ARGV[2] == '0' then
    redis.call('HDEL', KEYS[1], held)
    return held
  end
  redis.call('HSET', KEYS[1], held, tag .. ' ' .. ends)
  return held
end
for i = 0, ids - 1 do
  local id = (first - 1 + i) % ids + 1
  if is_free(id) then
    redis.call('HSET', KEYS[1], id, tag .. ' ' .. ends)
    return id
  end
end
return redis.error_reply('ERR every node id is taken')
