-- Shared: what the record of a user allows.

-- Whether the user is shut out, and the user's own limits: nil where the common ones hold.
local function allowance(user)
  local about = redis.call('HMGET', 'user:' .. user, 'disabled', 'rate_limit_per_minute', 'max_jobs')
  return {
    disabled = about[1] == '1', rate = tonumber(about[2] or nil), jobs = tonumber(about[3] or nil),
  }
end

-- Whether this month's budget of a user is spent; also what was spent, of what.
local function over_budget(user, now)
  local budget = tonumber(redis.call('HGET', 'user:' .. user, 'budget_nano') or nil)
  if not budget then return false end
  local spent = spent_nano(user, now)
  return spent >= budget, spent, budget
end
