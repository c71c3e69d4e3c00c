-- Shared: what an ended job used, what it cost, and how long it took.
-- Money is counted in billionths of a dollar, so that sums are exact.

local DAY_MS = 24 * 3600 * 1000
local USAGE_MS = 400 * DAY_MS
local PULSE_EVERY_MS, PULSE_MS = 15 * 1000, 2 * 3600 * 1000
-- Failures that are the service's own: they are counted, and cost nothing.
local OUR_FAULT = { engine_error = true, worker_lost = true }

-- The month of a moment in UTC as 'YYYY-MM' (Howard Hinnant's civil_from_days).
local function month_of(now)
  local floor = math.floor
  local days = floor(now / DAY_MS) + 719468
  local era = floor(days / 146097)
  local day = days - era * 146097
  local year = floor((day - floor(day / 1460) + floor(day / 36524) - floor(day / 146096)) / 365)
  local month = floor((5 * (day - 365 * year - floor(year / 4) + floor(year / 100)) + 2) / 153)
  year = year + era * 400
  if month < 10 then return string.format('%04d-%02d', year, month + 3) end
  return string.format('%04d-%02d', year + 1, month - 9)
end

-- What a user has spent in the month of ``now``.
local function spent_nano(user, now)
  return tonumber(redis.call('GET', 'spent:' .. user .. ':' .. month_of(now)) or 0)
end

-- By the prices that were frozen into the record: {model: [prompt, completion, cached]} in
-- billionths of a dollar for 1,000 tokens, '' for any other model.
local function cost_nano(job, model, used)
  if not job.prices or job.prices == '' then return 0 end
  local prices = cjson.decode(job.prices)
  local price = prices[model] or prices['']
  local thousandths = (used.prompt - used.cached) * price[1] + used.completion * price[2]
    + used.cached * price[3]
  return math.floor(thousandths / 1000 + 0.5)
end

-- Add to a sum; the first of its field sets the key's time to live.
local function add(key, field, amount, ttl)
  if redis.call('HINCRBY', key, field, int(amount)) == amount then
    redis.call('PEXPIRE', key, int(ttl))
  end
end

local function book(user, model, status, used, now)
  local day = int(math.floor(now / DAY_MS))
  local sums = 'usage:' .. user .. ':' .. day
  add(sums, status .. '|' .. model, 1, USAGE_MS)
  for what, amount in pairs(used) do
    if amount > 0 then redis.call('HINCRBY', sums, what .. '|' .. model, int(amount)) end
  end
  if redis.call('SADD', 'usage:' .. day, user) == 1 then
    redis.call('PEXPIRE', 'usage:' .. day, int(USAGE_MS))
  end
  if used.cost_nano > 0 then
    local month = 'spent:' .. user .. ':' .. month_of(now)
    redis.call('INCRBY', month, int(used.cost_nano))
    redis.call('PEXPIRE', month, int(USAGE_MS))
  end
end

-- Eight buckets between a number and its double: a percentile is within 5 % of the truth.
local function bucket(ms)
  return int(math.floor(8 * math.log(math.max(1, ms)) / math.log(2)))
end

-- Count an ended job in the current slice of the last two hours.
local function feel_pulse(job, status, used, first_token_ms, now)
  local pulse, created = 'pulse:' .. int(math.floor(now / PULSE_EVERY_MS)), number_of(job, 'created_ms')
  add(pulse, status, 1, PULSE_MS)
  if used.completion > 0 then redis.call('HINCRBY', pulse, 'tokens', int(used.completion)) end
  local function took(what, from, to)
    if to > 0 then redis.call('HINCRBY', pulse, what .. '|' .. bucket(to - from), 1) end
  end
  took('wait', number_of(job, 'enqueued_ms'), number_of(job, 'started_ms'))
  took('first', created, first_token_ms)
  took('total', created, status == 'completed' and now or 0)
end

-- Account for a job at its end, whoever ends it; its last tokens are in the record already.
-- A job that never started used nothing.
local function account(id, job, status, now)
  local key = 'job:' .. id
  local last = redis.call('HMGET', key, 'tokens', 'cached_tokens', 'first_token_ms',
    'error_code', 'prompt_tokens')
  local used = { prompt = 0, completion = tonumber(last[1] or 0), cached = 0, cost_nano = 0 }
  if number_of(job, 'started_ms') > 0 then
    used.prompt = tonumber(last[5] or 0)
    used.cached = math.min(used.prompt, tonumber(last[2] or 0))
  end
  local model = job.model or ''
  if not (status == 'failed' and OUR_FAULT[last[4]]) then
    used.cost_nano = cost_nano(job, model, used)
  end
  redis.call('HSET', key, 'cost_nano', int(used.cost_nano))
  book(job.user, model, status, used, now)
  feel_pulse(job, status, used, tonumber(last[3] or 0), now)
end
