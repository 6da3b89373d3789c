#!lua flags=no-writes
-- Where streams stand, at one moment. KEYS: fence, then streams. Answers generation, last era, then the last position of each
-- stream, or false where there is none.

local f = redis.call('HMGET', KEYS[1], 'g', 'e')
local answer = { f[1] or '0', f[2] or '0' }
for i = 2, #KEYS do
  local last = redis.call('XREVRANGE', KEYS[i], '+', '-', 'COUNT', 1)
  local id = last[1] and last[1][1]
  if not id then
    local info = redis.pcall('XINFO', 'STREAM', KEYS[i])
    for j = 1, #info, 2 do
      if info[j] == 'last-generated-id' then id = info[j + 1] end
    end
  end
  answer[i + 1] = id or false
end
return answer
