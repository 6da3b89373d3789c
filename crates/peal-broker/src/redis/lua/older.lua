#!lua
-- Finds the last entry of a stream that is older than a time, by bisection within an era, eras from the newest.
-- KEYS[1] stream   ARGV[1] 'find' and ARGV[2] Unix milliseconds; or 'trim': removes what the retention noted in the last entry no
-- longer covers. Answers the position or false; `trim` answers in how many ms it should be asked again, 0 if nothing is left.

local stream = KEYS[1]
local function field(entry, name)
  for i = 1, #entry[2], 2 do
    if entry[2][i] == name then return entry[2][i + 1] end
  end
end
local function time_of(entry) return tonumber(field(entry, 't')) end
local function parts(id) return string.match(id, '^(%d+)-(%d+)$') end

local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
local first = last and redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]

local function last_older_than(ms)
  if time_of(last) < ms then return last[1] end
  if time_of(first) >= ms then return false end
  local newest = last
  while true do
    local era, high = parts(newest[1])
    local begin = redis.call('XRANGE', stream, era .. '-0', '+', 'COUNT', 1)[1]
    if time_of(begin) < ms then
      local low = tonumber(select(2, parts(begin[1])))
      high = tonumber(high)
      while high - low > 1 do
        local middle = math.floor((low + high) / 2)
        local entry = redis.call('XRANGE', stream, era .. '-' .. string.format('%.0f', middle), '+', 'COUNT', 1)[1]
        if time_of(entry) < ms then low = middle else high = middle end
      end
      return era .. '-' .. string.format('%.0f', low)
    end
    newest = redis.call('XREVRANGE', stream, '(' .. begin[1], '-', 'COUNT', 1)[1]
    if not newest then return false end
    if time_of(newest) < ms then return newest[1] end
  end
end

if ARGV[1] == 'find' then return last and last_older_than(tonumber(ARGV[2])) or false end

if not last then return 0 end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local ttl_ms = tonumber(field(last, 'k') or 0)
if ttl_ms == 0 then return -1 end
local expired = last_older_than(now_ms - ttl_ms)
if expired == last[1] then
  redis.call('XTRIM', stream, 'MAXLEN', 0)
  return 0
end
if expired then
  local era, seq = parts(expired)
  redis.call('XTRIM', stream, 'MINID', era .. '-' .. string.format('%.0f', tonumber(seq) + 1))
  first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
end
return math.max(1, time_of(first) + ttl_ms - now_ms)
