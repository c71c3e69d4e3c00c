#!lua flags=allow-oom
-- Purpose: give a running job back to its queue, without blame, at the front.
-- ARGV: 1 id, 2 token, 3 doorbell, 4 ms to wait before it may run again, 5 failures to add.
-- Returns: {'ok', 0} | {'lost', 0}. A repeated call answers 'lost' and changes nothing.

local id, now = ARGV[1], now_ms()
local job = read_job(id)
if not job or job.status ~= 'in_progress' or job.token ~= ARGV[2] then return { 'lost', 0 } end
requeue(id, job, now, now)
redis.call('HINCRBY', 'job:' .. id, 'failures', ARGV[5])
redis.call('HSET', 'job:' .. id, 'not_before_ms', int(now + tonumber(ARGV[4])))
if tonumber(ARGV[4]) == 0 then
  redis.call('RPUSH', 'q.' .. job.priority, ARGV[3])
  redis.call('HSET', 'job:' .. id, 'rung_ms', int(now))
end
return { 'ok', 0 }
