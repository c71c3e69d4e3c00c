#!lua flags=allow-oom
-- Purpose: end the jobs whose time is over, whatever their lease.
-- ARGV: 1 grace in ms that a running job gets to end by itself, 2 jobs at most.
-- Returns: the ids that it ended.

local now, ended = now_ms(), {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'deadlines', '-inf', int(now), 'LIMIT', 0, ARGV[2])) do
  local job = read_job(id)
  if not job or TERMINAL[job.status] then
    redis.call('ZREM', 'deadlines', id)
  else
    local end_by = tonumber(redis.call('ZSCORE', 'deadlines', id))
    local deadline = number_of(job, 'deadline_ms')
    local late = deadline > 0 and deadline <= now
    if job.status == 'queued' then
      settle(id, job, 'expired', now, late
        and { 'error_code', 'deadline', 'error_message', 'The deadline passed before the job could start.' }
        or { 'error_code', 'queue_ttl', 'error_message', 'The job waited longer than its queue_ttl_seconds.' })
      ended[#ended + 1] = id
    elseif end_by + tonumber(ARGV[1]) <= now then
      settle(id, job, late and 'expired' or 'failed', now, late
        and { 'error_code', 'deadline', 'error_message', 'The deadline passed while the job ran.' }
        or { 'error_code', 'timeout', 'error_message', 'The job ran longer than its timeout_seconds.' })
      ended[#ended + 1] = id
    end
  end
end
return ended
