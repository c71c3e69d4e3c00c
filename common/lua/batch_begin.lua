#!lua
-- Purpose: start a validated batch: its lines stand in the backlog, a piece at a call.
-- ARGV: 1 batch, 2 lease of the feeder, 3 its lines, 4 lines put in the backlog before,
--   5 the piece.
-- Returns: lines in the backlog so far, -1 if the lease is lost or the batch was stopped.

local id, now = ARGV[1], now_ms()
local key, batch = 'batch:' .. id, read_batch(id)
if not batch or not feeds(ARGV[2]) then return -1 end
if batch.status ~= 'validating' then return batch.status == 'in_progress' and tonumber(ARGV[3]) or -1 end
local enrolled, total = number_of(batch, 'enrolled'), tonumber(ARGV[3])
if enrolled == tonumber(ARGV[4]) then
  local upto = math.min(total, enrolled + tonumber(ARGV[5]))
  for line = enrolled, upto - 1 do
    redis.call('ZADD', 'batch:backlog', batch.created_ms, id .. '_' .. int(line))
  end
  enrolled = upto
  redis.call('HSET', key, 'enrolled', int(enrolled), 'total', int(total))
end
if enrolled == total then
  redis.call('HSET', key, 'status', 'in_progress', 'in_progress_ms', int(now))
end
publish_batch(id)
return enrolled
