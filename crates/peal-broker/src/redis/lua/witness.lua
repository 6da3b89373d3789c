#!lua
-- Writes down what a node saw of eras that are over and the server no longer has, so that whoever missed it is told.
-- KEYS: per topic its stream and its ledger   ARGV: per topic the era and the last seq that the node saw or had acknowledged
-- A ledger is era -> `<last seq that survived> <last seq that was seen>`. Answers how many losses were found.

local losses = 0
for i = 1, #KEYS, 2 do
  local stream, ledger = KEYS[i], KEYS[i + 1]
  local era, seen = ARGV[i], tonumber(ARGV[i + 1])
  local tail = 0
  local info = redis.pcall('XINFO', 'STREAM', stream)
  for j = 1, #info, 2 do
    if info[j] == 'last-generated-id' then
      local top_era, top_seq = string.match(info[j + 1], '^(%d+)-(%d+)$')
      if top_era == era then
        tail = tonumber(top_seq)
      elseif tonumber(top_era) > tonumber(era) then
        local next = redis.call('XRANGE', stream, '(' .. era .. '-18446744073709551615', '+', 'COUNT', 1)[1]
        local before = nil
        if next and string.match(next[1], '-1$') then
          for k = 1, #next[2], 2 do
            if next[2][k] == 'p' then before = next[2][k + 1] end
          end
        end
        if not before then
          -- What followed is trimmed, and with it what could be compared.
          tail = seen
        else
          local before_era, before_seq = string.match(before, '^(%d+)-(%d+)$')
          if before_era == era then
            tail = tonumber(before_seq)
          elseif before_era and tonumber(before_era) > tonumber(era) then
            tail = seen
          end
        end
      end
    end
  end
  if tail < seen then
    local known = redis.call('HGET', ledger, era)
    local known_seen = known and tonumber(string.match(known, ' (%d+)$')) or 0
    if seen > known_seen then
      redis.call('HSET', ledger, era, string.format('%.0f %.0f', tail, seen))
      redis.call('PUBLISH', stream, 'L')
    end
    redis.call('EXPIRE', ledger, 86400)
    losses = losses + 1
  end
end
return losses
