#!lua flags=allow-oom
-- Purpose: ring again for a waiting job, at the front of its queue.
-- ARGV: 1 id, 2 doorbell, 3 ms since the last ring.
-- Returns: 1 if it rang, 0 if the job does not wait or was rung for just now.

local key, now = 'job:' .. ARGV[1], now_ms()
local state = redis.call('HMGET', key, 'status', 'priority', 'rung_ms')
if state[1] ~= 'queued' then return 0 end
if now - (tonumber(state[3] or 0) or 0) < tonumber(ARGV[3]) then return 0 end
redis.call('HSET', key, 'rung_ms', int(now))
redis.call('RPUSH', 'q.' .. state[2], ARGV[2])
return 1
