-- Shared: the sliding window of a rate limit.

-- Count a request against a sliding window, right for any number of gateways.
-- Returns: allowed, requests left, ms until the next place is free. A name counts once.
-- Times are cut to milliseconds, so what is exactly ``window`` old may be younger: it counts.
local function count_request(key, limit, window, name, now)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. int(now - window))
  local count = redis.call('ZCARD', key)
  local allowed = redis.call('ZSCORE', key, name) and true or false
  if not allowed and count < limit then
    redis.call('ZADD', key, int(now), name)
    redis.call('PEXPIRE', key, window + 1)
    allowed, count = true, count + 1
  end
  local oldest = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  local wait = oldest[2] and (tonumber(oldest[2]) + window + 1 - now) or 0
  return allowed, math.max(0, limit - count), wait
end
