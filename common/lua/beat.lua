#!lua flags=allow-oom
-- Purpose: renew the leases of a worker's slots in one call, and say that it lives.
-- ARGV: 1 worker id, 2 lease in ms, 3 seconds to remember the worker,
--   4 number of slots held, then id, token for each, then field, value pairs of the worker.
-- Returns: one 'ok' or 'lost' for each slot, in order.

local now, held, answers = now_ms(), tonumber(ARGV[4]), {}
for i = 1, held do
  local id, token = ARGV[3 + 2 * i], ARGV[4 + 2 * i]
  local state = redis.call('HMGET', 'job:' .. id, 'status', 'token')
  if state[1] == 'in_progress' and state[2] == token then
    redis.call('ZADD', 'leases', int(now + tonumber(ARGV[2])), id)
    answers[i] = 'ok'
  else
    answers[i] = 'lost'
  end
end
local key = 'worker:' .. ARGV[1]
redis.call('ZADD', 'workers', int(now), ARGV[1])
redis.call('HSET', key, 'beat_ms', int(now), unpack(ARGV, 5 + 2 * held))
redis.call('EXPIRE', key, ARGV[3])
return answers
