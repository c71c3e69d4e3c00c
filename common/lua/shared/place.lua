-- Shared: what will be served before a job, as far as it can be known now: others may come, and
-- a job may use fewer tokens than it is allowed. One look costs the same however many wait.

local USERS_LOOKED_AT = 32
local BELLS_LOOKED_AT = 100

-- Jobs of the classes above this one.
local function above(class)
  local ahead = 0
  for _, higher in ipairs(CLASSES) do
    if higher == class then return ahead end
    ahead = ahead + redis.call('ZCARD', 'wait:' .. higher)
  end
end

-- Jobs of others whose turn comes before that of a user who will have had ``tag``, if each is
-- of so many tokens. Of many users those are looked at who come first; the rest is like them.
local function of_others(class, user, tag, tokens)
  local key, ahead, upto = 'fair:' .. class, 0, '(' .. fractional(tag)
  local users = redis.call('ZRANGEBYSCORE', key, '-inf', upto, 'WITHSCORES',
    'LIMIT', 0, USERS_LOOKED_AT)
  for i = 1, #users, 2 do
    if users[i] ~= user then
      local theirs = redis.call('ZCARD', row_of(class, users[i]))
      local turns = math.ceil((tag - tonumber(users[i + 1])) / math.max(1, tokens))
      ahead = ahead + math.min(theirs, turns)
    end
  end
  if #users < 2 * USERS_LOOKED_AT then return ahead end
  return math.ceil(ahead * redis.call('ZCOUNT', key, '-inf', upto) / USERS_LOOKED_AT)
end

-- The jobs whose bells stand in the queue, the next one first.
local function bells_of(class)
  local ids, messages = {}, redis.call('LRANGE', 'q.' .. class, -BELLS_LOOKED_AT, -1)
  for i = #messages, 1, -1 do
    local id = named_in(messages[i])
    if id and redis.call('ZSCORE', 'fair:' .. class .. ':bells', id) then ids[#ids + 1] = id end
  end
  return ids
end

-- Jobs that will be served before a new one of this user.
local function ahead_of_new(class, user, tokens)
  local key, own = 'fair:' .. class, redis.call('ZCARD', row_of(class, user))
  local counter, rung = redis.call('ZSCORE', key, user), bells_standing(class)
  if not counter then
    counter, rung = counted(class, user), 0
    for _, id in ipairs(bells_of(class)) do
      local tag = tonumber(redis.call('HGET', 'job:' .. id, 'tag') or 0) or 0
      if tag <= counter then rung = rung + 1 end
    end
  end
  local tag = tonumber(counter) + own * tokens
  return above(class) + rung + own + of_others(class, user, tag, tokens)
end

-- Jobs that will be served before one that waits.
local function ahead_of(id, job)
  local class, user = job.priority, job.user
  local own = redis.call('ZRANK', row_of(class, user), id)
  if own then
    local tokens = expected(job)
    local tag = tonumber(redis.call('ZSCORE', 'fair:' .. class, user) or 0) + own * tokens
    return above(class) + bells_standing(class) + own
      + of_others(class, user, tag, tokens)
  end
  if not redis.call('ZSCORE', 'fair:' .. class .. ':bells', id) then  -- of an older version
    return above(class) + (redis.call('ZRANK', 'wait:' .. class, id) or 0)
  end
  for i, rung in ipairs(bells_of(class)) do
    if rung == id then return above(class) + i - 1 end
  end
  return above(class)
end
