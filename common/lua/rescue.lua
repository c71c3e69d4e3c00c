#!lua flags=allow-oom
-- Purpose: give the jobs of dead workers back to their queues, or give up on a poison job.
-- ARGV: 1 lease in ms, 2 gap in ms after which no lease is trusted, 3 kills allowed,
--   4 jobs at most, 5 worker known to be dead ('' for none: judge by the leases),
--   6 '1' to ring for what it gives back, else the next sweep does.
-- Returns: {outcome, id, priority}, ...; outcome is 'requeued' or 'dead'.
-- After a gap (Redis or maintenance was away, or the clock jumped) every lease is extended
-- and none is taken: the living could not renew them.

local now, lease, answers, back = now_ms(), tonumber(ARGV[1]), {}, {}
local last = tonumber(redis.call('GET', 'tick') or 0)
redis.call('SET', 'tick', int(now))
if ARGV[5] == '' and math.abs(now - last) > tonumber(ARGV[2]) then
  for _, id in ipairs(redis.call('ZRANGE', 'leases', 0, -1)) do
    redis.call('ZADD', 'leases', int(now + lease), id)
  end
  return answers
end

local until_ms = ARGV[5] == '' and int(now) or '+inf'
for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'leases', '-inf', until_ms, 'LIMIT', 0, ARGV[4])) do
  local job = read_job(id)
  if not job or job.status ~= 'in_progress' then
    redis.call('ZREM', 'leases', id)
  elseif ARGV[5] == '' or job.worker == ARGV[5] then
    local key, tokens = 'job:' .. id, number_of(job, 'tokens')
    local kills = number_of(job, 'kills')
    if tokens == number_of(job, 'tokens_at_kill') then kills = kills + 1 end
    redis.call('HSET', key, 'kills', int(kills), 'tokens_at_kill', int(tokens))
    redis.call('HINCRBY', key, 'rescues', 1)
    if kills >= tonumber(ARGV[3]) then
      settle(id, job, 'failed', now, { 'error_code', 'worker_lost',
        'error_message', 'The worker died ' .. int(kills) .. ' times while running this job.' })
      answers[#answers + 1] = { 'dead', id, job.priority }
    else
      local last_beat = tonumber(redis.call('ZSCORE', 'leases', id)) - lease
      requeue(id, job, now, math.min(now, last_beat), 'worker_lost')
      answers[#answers + 1] = { 'requeued', id, job.priority }
      back[#back + 1] = job
    end
  end
end
if ARGV[6] == '1' then
  for i = #back, 1, -1 do ring(back[i].id, back[i].priority, back[i].kind, now, true) end
  if #answers > 0 then pump(now) end
end
return answers
