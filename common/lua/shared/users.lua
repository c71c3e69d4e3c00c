-- Shared: what the record of a user allows.

-- Whether the user is shut out, and the user's own limits: nil where the common ones hold.
local function allowance(user)
  local about = redis.call('HMGET', 'user:' .. user, 'disabled', 'rate_limit_per_minute', 'max_jobs',
    'max_streams', 'tokens_per_minute')
  local function limit(nth) return tonumber(about[nth] or nil) end
  return {
    disabled = about[1] == '1', rate = limit(2), jobs = limit(3), streams = limit(4),
    tokens = limit(5),
  }
end

-- Whether this month's budget of a user is spent; also what was spent, of what.
local function over_budget(user, now)
  local budget = tonumber(redis.call('HGET', 'user:' .. user, 'budget_nano') or nil)
  if not budget then return false end
  local spent = spent_nano(user, now)
  return spent >= budget, spent, budget
end
