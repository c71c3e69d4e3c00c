-- Shared: whose turn it is. Within a class users share the slots by tokens: the one who has
-- had the fewest goes next. After start-time fair queueing (Goyal et al., 1996) and its
-- form for language models (Sheng et al., "Fairness in Serving LLMs", 2024); docs/fairness.md.
-- fair:{class} is user -> tokens had, of users with jobs that nobody has rung for;
-- fair:{class}:debt the same of others who have had more than the level;
-- fair:{class}:level what the user of the job that started last had had before it.
-- Tokens are whole; the fraction of a counter says when its user came, so that of users who
-- have had as much the one who came first goes first.

-- A start moves the level by this part of its job's tokens, so that somebody who has had many
-- is not passed by newcomers for ever.
local LEVEL_PART = 1 / 20
local COMING = 1e-6
-- Tokens of an answer where a record of an older version does not say how many are allowed.
local USUAL_TOKENS = 200

local function fractional(number)
  return string.format('%.6f', number)
end

local function level_of(class)
  return tonumber(redis.call('GET', 'fair:' .. class .. ':level') or 0)
end

-- What a newcomer would be given: the level, but no more than others who wait have had.
local function lifted(class)
  local level = level_of(class)
  local least = tonumber(redis.call('ZRANGE', 'fair:' .. class, 0, 0, 'WITHSCORES')[2] or level)
  return math.floor(math.min(level, least)) + level % 1 + COMING
end

-- What a user has had; nothing waits of them but what is rung for.
local function counted(class, user)
  local debt = redis.call('ZSCORE', 'fair:' .. class .. ':debt', user)
  return math.max(tonumber(debt or 0), lifted(class))
end

-- Let a user take part again: they are lifted to the level, since idleness earns no credit.
-- Returns their counter.
local function take_part(class, user)
  local key, counter = 'fair:' .. class, counted(class, user)
  redis.call('SET', key .. ':level', fractional(level_of(class) + COMING))
  redis.call('ZREM', key .. ':debt', user)
  redis.call('ZADD', key, fractional(counter), user)
  return counter
end

-- Nothing waits of this user any more but what is rung for: remember what they have had.
local function step_back(class, user)
  local key = 'fair:' .. class
  local counter = redis.call('ZSCORE', key, user)
  redis.call('ZREM', key, user)
  if counter then redis.call('ZADD', key .. ':debt', counter, user) end
end

-- Add to what a user has had; less than nothing where a job used less than was expected.
local function charge(class, user, tokens)
  local key = 'fair:' .. class
  if redis.call('ZSCORE', key, user) then
    redis.call('ZINCRBY', key, int(tokens), user)
    return
  end
  local had = redis.call('ZSCORE', key .. ':debt', user) or (tokens > 0 and level_of(class))
  if had then redis.call('ZADD', key .. ':debt', fractional(tonumber(had) + tokens), user) end
end

-- Tokens that a job is expected to use: its prompt, and as many as answers usually have, if it
-- is allowed so many. ``weight``: prompt and all that is allowed.
local function expected(job)
  local prompt = number_of(job, 'prompt_tokens')
  local allowed = (tonumber(job.weight or nil) or prompt + USUAL_TOKENS) - prompt
  local usual = tonumber(redis.call('HGET', 'pace', 'mean_tokens') or nil)
  return prompt + math.min(allowed, usual or allowed)
end

-- A job starts whose user had had ``tag`` before it: move the level, and forget those below.
local function move_level(class, tag, tokens)
  local level = fractional(math.floor(tag + tokens * LEVEL_PART) + level_of(class) % 1)
  redis.call('SET', 'fair:' .. class .. ':level', level)
  redis.call('ZREMRANGEBYSCORE', 'fair:' .. class .. ':debt', '-inf', level)
end

-- Put right at a job's end what was charged for it when it was rung for.
local function put_right(id, job)
  if not job.charged then return end
  local used = 0
  if number_of(job, 'started_ms') > 0 then
    local tokens = redis.call('HMGET', 'job:' .. id, 'prompt_tokens', 'tokens')
    used = (tonumber(tokens[1] or 0) or 0) + (tonumber(tokens[2] or 0) or 0)
  end
  charge(job.priority, job.user, used - tonumber(job.charged))
end
