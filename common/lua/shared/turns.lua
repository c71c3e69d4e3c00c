-- Shared: turns. A job that waits stands in its user's row, fair:{class}:of:{user}, until it is
-- its turn; then its user is charged for it, and it is rung for.

local function row_of(class, user)
  return 'fair:' .. class .. ':of:' .. user
end

-- Take a job out of its user's row, because it is rung for or has ended; whether it stood there.
local function leave_row(id, class, user)
  local row = row_of(class, user)
  if redis.call('ZREM', row, id) == 0 then return false end
  if redis.call('EXISTS', row) == 0 then step_back(class, user) end
  return true
end

-- Charge its user for a job whose turn it is. ``tag``: what they had had before it.
local function book_turn(id, class, user, tokens)
  local tag = redis.call('ZSCORE', 'fair:' .. class, user)
  if tag then
    redis.call('ZINCRBY', 'fair:' .. class, int(tokens), user)
  else
    tag = counted(class, user)
    redis.call('ZADD', 'fair:' .. class .. ':debt', fractional(tag + tokens), user)
  end
  redis.call('HSET', 'job:' .. id, 'tag', tag, 'charged', int(tokens))
end

-- Ring for the first job of the user whose turn it is; false if nobody waits.
local function ring_first(class, now)
  local user = redis.call('ZRANGE', 'fair:' .. class, 0, 0)[1]
  if not user then return false end
  local id = redis.call('ZRANGE', row_of(class, user), 0, 0)[1]
  if not id then
    step_back(class, user)
    return true
  end
  local facts = redis.call('HMGET', 'job:' .. id, 'status', 'kind', 'weight', 'prompt_tokens',
    'charged')
  local waits = facts[1] == 'queued'
  if waits and not facts[5] then
    book_turn(id, class, user, expected({ weight = facts[3], prompt_tokens = facts[4] }))
  end
  leave_row(id, class, user)
  if waits then ring(id, class, facts[2], now, false) end
  return true
end

local function fill(class, room, now)
  while bells_standing(class) < room and ring_first(class, now) do end
end

-- Ring for those whose turn has come: a slot was freed, or a bell was answered.
local function pump(now)
  local room
  for _, class in ipairs(CLASSES) do
    if redis.call('EXISTS', 'fair:' .. class) == 1 then
      room = room or room_for_bells(now)
      fill(class, room, now)
    end
  end
end

-- Take the last bell back if its job's user has had more than ``counter``; whether it did.
local function take_back(class, counter)
  local queue = 'q.' .. class
  local id = named_in(redis.call('LINDEX', queue, 0) or '')
  if not id then return false end
  local key = 'job:' .. id
  local job = redis.call('HMGET', key, 'status', 'tag', 'charged', 'user', 'enqueued_ms')
  if job[1] ~= 'queued' or not job[2] or tonumber(job[2]) <= counter then return false end
  redis.call('LPOP', queue)
  redis.call('ZREM', 'fair:' .. class .. ':bells', id)
  redis.call('HDEL', key, 'tag', 'charged', 'rung_ms')
  redis.call('ZADD', row_of(class, job[4]), job[5], id)
  local members = 'fair:' .. class
  if redis.call('ZSCORE', members, job[4]) then
    redis.call('ZINCRBY', members, '-' .. job[3], job[4])
  else
    redis.call('ZREM', members .. ':debt', job[4])
    redis.call('ZADD', members, job[2], job[4])
  end
  return true
end

-- Put a job in its user's row, at its age, and ring for whoever's turn it is.
local function wait_for_turn(id, class, user, enqueued, now)
  redis.call('ZADD', row_of(class, user), enqueued, id)
  if not redis.call('ZSCORE', 'fair:' .. class, user) then
    local counter = take_part(class, user)
    while take_back(class, counter) do end
  end
  fill(class, room_for_bells(now), now)
end

-- Nobody rings for a job any more: it has started or ended.
local function stop_ringing(id, job)
  redis.call('ZREM', 'fair:' .. job.priority .. ':bells', id)
  leave_row(id, job.priority, job.user)
end

-- A job starts. One that nobody had rung for was rung for by an older version, or twice.
local function start_turn(id, job)
  local class = job.priority
  if not job.charged then book_turn(id, class, job.user, expected(job)) end
  stop_ringing(id, job)
  local turn = redis.call('HMGET', 'job:' .. id, 'tag', 'charged')
  if turn[1] then move_level(class, tonumber(turn[1]), tonumber(turn[2])) end
end
