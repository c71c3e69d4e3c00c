-- Shared: what the whole service counted about ended jobs, for Prometheus (common/meters.py).
-- One hash, `meters`; a field is what is counted, its labels, and in a histogram the number
-- of its bucket, or `sum` in ms. The model stands last: only it may hold a '|'.

-- Upper bounds in ms; those of docs/metrics.md.
local LONG_MS = { 50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 102400, 204800,
  409600, 819200, 1800000 }

local function count(field, amount)
  redis.call('HINCRBY', 'meters', field, int(amount))
end

local function measure(what, labels, ms)
  local bucket = 1
  while LONG_MS[bucket] and ms > LONG_MS[bucket] do bucket = bucket + 1 end
  count(what .. '|' .. labels .. '|' .. bucket, 1)
  count(what .. '|' .. labels .. '|sum', math.max(0, ms))
end

-- The view that made a job.
local function mode_of(job)
  if (job.batch or '') ~= '' then return 'batch' end
  return (job.api or '') ~= '' and job.api or job.kind
end

-- Count a job that enters the queue for the first time; its record is written.
local function meter_accepted(id, priority)
  local made = redis.call('HMGET', 'job:' .. id, 'kind', 'api', 'batch')
  local mode = mode_of({ kind = made[1], api = made[2] or '', batch = made[3] or '' })
  count('accepted|' .. mode .. '|' .. priority, 1)
end

-- Count a job at its end, whoever ends it.
local function meter(id, job, status, now)
  local labels = mode_of(job) .. '|' .. job.priority
  count('requests|' .. labels .. '|' .. status .. '|' .. (job.model or ''), 1)
  if status == 'completed' then
    local first = tonumber(redis.call('HGET', 'job:' .. id, 'first_token_ms') or 0)
    if first > 0 then measure('first', labels, first - number_of(job, 'created_ms')) end
    measure('request', labels, now - number_of(job, 'created_ms'))
    measure('processing', labels, now - number_of(job, 'started_ms'))
  else
    local code = redis.call('HGET', 'job:' .. id, 'error_code')
    if (code or '') ~= '' then count('errors|' .. code, 1) end
  end
end
