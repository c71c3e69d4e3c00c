#!lua flags=allow-oom
-- Purpose: cancel the jobs whose client left and did not come back; see leave.lua. A client
--   has also left when its gateway died; it gets the same time to come back.
-- ARGV: 1 ms in which a retry may come, 2 jobs at most.
-- Returns: the ids that it cancelled.

local now, cancelled = now_ms(), {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'waited', '-inf', int(now), 'LIMIT', 0, ARGV[2])) do
  local job = read_job(id)
  if not job or TERMINAL[job.status] then
    redis.call('ZREM', 'waited', id)
  elseif is_waited_for(job.waiter) then
    redis.call('ZADD', 'waited', int(now + WAITER_LOOK_MS), id)
  elseif job.waiter ~= '' then
    redis.call('HSET', 'job:' .. id, 'waiter', '', 'left_ms', int(now))
    redis.call('ZADD', 'waited', int(now + tonumber(ARGV[1])), id)
  else
    redis.call('ZREM', 'waited', id)
    settle(id, job, 'cancelled', now, { 'finish_reason', 'cancelled' })
    cancelled[#cancelled + 1] = id
  end
end
return cancelled
