-- Shared: the tokens that a user may have in any minute.
-- A job reserves what it may use at most when it is accepted, and gives back at its end what it
-- did not use. They are counted in the second of its acceptance, and for 60 full seconds after.

local WINDOW_S = 60

-- Where the user stands: nil where there is no limit, else {limit, used, slices oldest first}.
local function tokens_of(user, own, common, now)
  local limit = own.tokens or (common > 0 and common)
  if not limit then return nil end
  local key, first = 'tokens:' .. user, math.floor(now / 1000) - WINDOW_S
  local flat, tokens = redis.call('HGETALL', key), { limit = limit, used = 0, slices = {} }
  for i = 1, #flat, 2 do
    local second, spent = tonumber(flat[i]), tonumber(flat[i + 1])
    if second < first then
      redis.call('HDEL', key, flat[i])
    elseif spent > 0 then
      tokens.used = tokens.used + spent
      table.insert(tokens.slices, { second = second, spent = spent })
    end
  end
  table.sort(tokens.slices, function(a, b) return a.second < b.second end)
  return tokens
end

-- When a slice is so old that it counts no more, in ms from now.
local function ms_until_gone(slice, now)
  return (slice.second + WINDOW_S + 1) * 1000 - now
end

-- ms until ``wanted`` more may be had; 0: now, -1: never.
local function ms_until_free(tokens, wanted, now)
  if not tokens or tokens.used + wanted <= tokens.limit then return 0 end
  if wanted > tokens.limit then return -1 end
  local used = tokens.used
  for _, slice in ipairs(tokens.slices) do
    used = used - slice.spent
    if used + wanted <= tokens.limit then return ms_until_gone(slice, now) end
  end
end

-- For the answer: tokens left, ms until the next are free, tokens allowed (0: any number).
local function tokens_left(tokens, now)
  if not tokens then return 0, 0, 0 end
  local oldest = tokens.slices[1]
  local left = math.max(0, tokens.limit - tokens.used)
  return left, oldest and ms_until_gone(oldest, now) or 0, tokens.limit
end

local function reserve_tokens(tokens, user, id, wanted, now)
  if not tokens then return end
  local key, second = 'tokens:' .. user, math.floor(now / 1000)
  redis.call('HINCRBY', key, int(second), int(wanted))
  redis.call('EXPIRE', key, WINDOW_S + 2)
  redis.call('HSET', 'job:' .. id, 'reserved', int(wanted))
  tokens.used = tokens.used + wanted
  table.insert(tokens.slices, { second = second, spent = wanted })
end

-- Give back what a job that ends did not use; settle() calls it once.
local function return_tokens(id, job, now)
  local reserved = number_of(job, 'reserved')
  local second = math.floor(number_of(job, 'created_ms') / 1000)
  if reserved == 0 or second < math.floor(now / 1000) - WINDOW_S then return end
  local last, used = redis.call('HMGET', 'job:' .. id, 'tokens', 'prompt_tokens'), 0
  if number_of(job, 'started_ms') > 0 then
    used = (tonumber(last[1] or 0) or 0) + (tonumber(last[2] or 0) or 0)
  end
  local key = 'tokens:' .. job.user
  if used < reserved and redis.call('HEXISTS', key, int(second)) == 1 then
    redis.call('HINCRBY', key, int(second), int(used - reserved))
  end
end
