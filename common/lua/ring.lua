#!lua flags=allow-oom
-- Purpose: ring again for a job whose bell was answered by somebody who does not take it.
-- ARGV: 1 id.
-- Returns: 1 if it rang, 0 if the job does not wait.

local state = redis.call('HMGET', 'job:' .. ARGV[1], 'status', 'priority', 'kind')
if state[1] ~= 'queued' then return 0 end
ring(ARGV[1], state[2], state[3], now_ms(), true)
return 1
