#!lua flags=allow-oom
-- Purpose: give a running job back to its queue, without blame, at the front; one whose slot
--   was asked for on behalf of another user, to its own user's row.
-- ARGV: 1 id, 2 token, 3 ms to wait before it may run again, 4 failures to add.
-- Returns: {'ok', 0} | {'lost', 0}. A repeated call answers 'lost' and changes nothing.

local id, now = ARGV[1], now_ms()
local job = read_job(id)
if not job or job.status ~= 'in_progress' or job.token ~= ARGV[2] then return { 'lost', 0 } end
requeue(id, job, now, now, tonumber(ARGV[4]) > 0 and 'engine_error' or 'released')
redis.call('HINCRBY', 'job:' .. id, 'failures', ARGV[4])
local due = now + tonumber(ARGV[3])
redis.call('HSET', 'job:' .. id, 'not_before_ms', int(due))
if due > now then
  wait_again(id, job.priority, due)
elseif job.yields == '1' and job.asked_back == job.token then
  stop_ringing(id, job)
  wait_for_turn(id, job.priority, job.user, job.enqueued_ms, now)
else
  ring(id, job.priority, job.kind, now, true)
end
pump(now)
return { 'ok', 0 }
