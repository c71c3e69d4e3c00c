-- Shared: the bells of jobs. They are rung late: a class has as many in its queue as there are
-- free slots, and at least one, so that whoever comes is not behind bells that were rung early.
-- fair:{class}:bells is job -> when to look whether somebody came: the jobs that wait and were
-- rung for, or are to be rung for by a sweep.

local ANSWER_MS = 5 * 1000
local CLASSES = { 'urgent', 'high', 'normal', 'low' }

-- The job that a message rings for.
local function named_in(message)
  return string.match(message, '"correlation_id": ?"([^"]+)"')
end

-- Ring for a job that stands in no row. ``front``: it goes before all others.
local function ring(id, class, kind, now, front)
  local key = 'job:' .. id
  local tag = id .. '-' .. int(redis.call('HINCRBY', key, 'rings', 1))
  redis.call('HSET', key, 'rung_ms', int(now))
  redis.call('ZADD', 'fair:' .. class .. ':bells', int(now + ANSWER_MS), id)
  redis.call(front and 'RPUSH' or 'LPUSH', 'q.' .. class, job_bell(id, kind, class, tag))
end

-- A job that started before waits again: it has had its turn, and goes before the others as
-- soon as it is rung for; at ``due``, a sweep does.
local function wait_again(id, class, due)
  redis.call('HDEL', 'job:' .. id, 'tag')
  redis.call('ZADD', 'fair:' .. class .. ':bells', int(due), id)
end

-- Bells in the queue of a class, without those of jobs that have started or ended.
local function bells_standing(class)
  return math.min(redis.call('LLEN', 'q.' .. class),
    redis.call('ZCARD', 'fair:' .. class .. ':bells'))
end

-- Bells that a class may have in its queue.
local function room_for_bells(now)
  return math.max(1, living_slots(now) - redis.call('ZCARD', 'leases'))
end

-- A job ends that was rung for: its bell, if it is the first or the last, wakes nobody.
local function take_bell_away(id, class)
  for _, at in ipairs({ 0, -1 }) do
    if named_in(redis.call('LINDEX', 'q.' .. class, at) or '') == id then
      redis.call(at == 0 and 'LPOP' or 'RPOP', 'q.' .. class)
    end
  end
end
