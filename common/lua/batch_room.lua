#!lua flags=no-writes
-- Purpose: see how much of queue and slots the lines of batches take.
-- Returns: {jobs that wait, lines among them, jobs that run, lines among them,
--   slots of living workers, mean run ms or 0}

local open, running = 0, 0
for _, batch in ipairs(redis.call('ZRANGE', 'batches', 0, -1)) do
  open = open + redis.call('SCARD', 'batch:' .. batch .. ':open')
end
local leases = redis.call('ZRANGE', 'leases', 0, -1)
for _, id in ipairs(leases) do
  if string.sub(id, 1, 6) == 'batch_' then running = running + 1 end
end
local mean = tonumber(redis.call('HGET', 'pace', 'mean_ms') or 0)
return { jobs_ahead('low'), math.max(0, open - running), #leases, running, living_slots(now_ms()), mean }
