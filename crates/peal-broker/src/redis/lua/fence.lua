-- The beginning of every script that writes: who this server is, which generation that makes, and how an entry is appended.
-- Invariant: no era is used twice. A new generation begins when the server's replication id is not the fence's, so whatever a
-- demoted, rolled back or emptied server had issued lies below it.
--
-- KEYS[1] fence   KEYS[2] the node's batch record
-- ARGV[1] batch number of this node   ARGV[2] highest generation that this node has seen in the partition

local SPAN = 2097152
local DAY_MS = 86400000
local fence, record = KEYS[1], KEYS[2]

local time = redis.call('TIME')
local sec, usec = tonumber(time[1]), tonumber(time[2])
if sec >= 4294967296 then return redis.error_reply('ERR the server clock is beyond what eras can hold') end
local now_ms = sec * 1000 + math.floor(usec / 1000)

local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
if not replid then return redis.error_reply('ERR the server does not tell its replication id') end

-- r replication id, g generation, e last era, t last timestamp; m and n: what e was at mt and nt, see below
local f = redis.call('HMGET', fence, 'r', 'g', 'e', 't', 'm', 'mt', 'n', 'nt')
local g, e, t = tonumber(f[2] or 0), tonumber(f[3] or 0), tonumber(f[4] or 0)
local seen = tonumber(ARGV[2])

local function int(n) return string.format('%.0f', n) end

-- Why this call began a new generation, if it did; the last reason counts.
local changed

local function new_generation(floor, reason)
  changed = reason
  g = math.max(sec, g + 1, floor + 1)
  e = g * SPAN + usec
  redis.call('HSET', fence, 'r', replid, 'g', int(g), 'e', int(e))
end

local function new_era(top_generation)
  if top_generation > g then
    new_generation(top_generation, 'stream')
  end
  e = e + 1
  if math.floor(e / SPAN) ~= g then
    new_generation(0, 'counter')
    e = e + 1
  end
  redis.call('HSET', fence, 'e', int(e))
  return e
end

if f[1] ~= replid then
  -- Another server, or the same one after somebody else was; or it has lost the fence, or never had one.
  new_generation(seen, f[1] and 'server' or seen > 0 and 'fence' or 'first')
elseif seen > g then
  new_generation(seen, 'fence')
end

-- A stream lives for a day after its last entry. Eras above a mark were begun after the mark was made; while that is less than a
-- day ago, a topic whose stream is missing has had none of them.
if not f[1] then
  redis.call('HSET', fence, 'm', int(e), 'mt', int(now_ms), 'n', int(e), 'nt', int(now_ms))
elseif now_ms - tonumber(f[8] or 0) > DAY_MS / 2 then
  redis.call('HSET', fence, 'm', f[7] or int(e), 'mt', f[8] or int(now_ms), 'n', int(e), 'nt', int(now_ms))
end

-- A blind repeat gets the answer of the first execution; a batch that was overtaken by a later one must not run any more.
local done = redis.call('GET', record)
if done then
  local number, rest = string.match(done, '^(%d+)\n(.*)$')
  if number == ARGV[1] then
    local answer = { 'AGAIN', int(g), replid }
    for result in string.gmatch(rest, '([^\n]+)\n') do answer[#answer + 1] = result end
    return answer
  elseif tonumber(number) > tonumber(ARGV[1]) then
    return redis.error_reply('STALE a later batch of this node has run')
  end
end

local ts = math.max(now_ms, t)
local results = {}

local function reply()
  if ts > t then redis.call('HSET', fence, 't', int(ts)) end
  if #results > 0 then
    redis.call('SET', record, ARGV[1] .. '\n' .. table.concat(results, '\n') .. '\n', 'EX', 120)
  end
  local answer = { changed or 'OK', int(g), replid }
  for i = 1, #results do answer[i + 3] = results[i] end
  return answer
end

local function failure(answer) return '!' .. string.gsub(answer.err or 'unknown', '\n', ' ') end

local function generation_of(id) return math.floor(tonumber(string.match(id, '^(%d+)-')) / SPAN) end

local function last_id(stream)
  local info = redis.pcall('XINFO', 'STREAM', stream)
  if info.err then
    if string.find(info.err, 'no such key', 1, true) then return nil end
    return nil, info
  end
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then return info[i + 1] end
  end
end

-- Appends an entry. era: the one that the node knows, or '0'. expire_s: negative to renew the expiry of a new era only. more: further fields. Returns the position and what came before the
-- era if this entry begins one ('' if not, '.' if nothing survived), or nil and what went wrong.
local function append(stream, era, count, expire_s, more)
  local known = tonumber(era)
  if known > 0 and math.floor(known / SPAN) == g then
    local id = redis.pcall('XADD', stream, 'NOMKSTREAM', 'MAXLEN', '~', count, era .. '-*', 't', int(ts), unpack(more))
    if type(id) == 'string' then
      if string.sub(id, -2) ~= '-0' then
        if tonumber(expire_s) > 0 then redis.call('EXPIRE', stream, expire_s) end
        return id, ''
      end
      -- The era is above the stream's own: it never was this stream's.
      redis.call('XDEL', stream, id)
    elseif type(id) == 'table' and id.err and not string.find(id.err, 'equal or smaller', 1, true) then
      return nil, failure(id)
    end
  end
  local top, wrong = last_id(stream)
  if wrong then return nil, failure(wrong) end
  if top and string.sub(top, -2) ~= '-0' and generation_of(top) == g then
    local id = redis.pcall('XADD', stream, 'MAXLEN', '~', count, string.match(top, '^(%d+)-') .. '-*', 't', int(ts), unpack(more))
    if type(id) == 'table' then return nil, failure(id) end
    redis.call('EXPIRE', stream, math.abs(tonumber(expire_s)))
    return id, ''
  end
  local before = top or '.'
  if top and string.sub(top, -2) == '-0' then
    local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)
    before = last[1] and last[1][1] or '.'
  end
  local first = int(new_era(top and generation_of(top) or 0)) .. '-1'
  local id = redis.pcall('XADD', stream, 'MAXLEN', '~', count, first, 't', int(ts), 'p', before, unpack(more))
  if type(id) == 'table' then return nil, failure(id) end
  redis.call('EXPIRE', stream, math.abs(tonumber(expire_s)))
  return id, before
end
