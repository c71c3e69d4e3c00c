-- Shared: lanes. What goes to one receiver has one lane: a limit of sends at once, and a
-- circuit, so that a slow or dead receiver keeps nobody else waiting.
-- lane:{lane}:busy is id -> end of its place, lane:{lane}:held is id -> when it was due.

local HOOK_LOOK_MS = 5 * 1000
local LANE_KEPT_MS = 24 * 3600 * 1000
-- Failures in a row that open the circuit, for how long, and for how long at most.
local LANE_FAILURES, LANE_OPEN_MS, LANE_OPEN_MAX_MS = 8, 5 * 1000, 60 * 1000

-- Ring for a delivery, and look again if nobody comes. ``front``: it has waited long enough.
local function ring_hook(id, hook, now, front)
  local rings = redis.call('HINCRBY', 'hook:' .. id, 'rings', 1)
  local about = string.format("('%s', '%s', '%s')", hook.event, hook.subject, hook.lane)
  redis.call('ZADD', 'hooks', int(now + HOOK_LOOK_MS), id)
  redis.call(front and 'RPUSH' or 'LPUSH', 'q.webhooks', hook_bell(id, id .. '-' .. int(rings), about))
end

-- Wait until the lane has a place: it rings then.
local function hold_hook(id, hook, look)
  redis.call('ZADD', 'lane:' .. hook.lane .. ':held', int(number_of(hook, 'due_ms')), id)
  redis.call('ZADD', 'hooks', 'inf', id)
  redis.call('ZADD', 'lanes', 'NX', int(look), hook.lane)
end

-- Have a delivery sent: ring for it, or hold it at once where others are held already.
local function call_hook(id, hook, now, front)
  if redis.call('EXISTS', 'lane:' .. hook.lane .. ':held') == 1 then
    hold_hook(id, hook, now + HOOK_LOOK_MS)
  else
    ring_hook(id, hook, now, front)
  end
end

-- Free places in a lane, and when to look again if there is none. A lane that fails gets
-- half the places with every failure; after a pause of its circuit, one.
local function lane_room(lane, limit, now)
  redis.call('ZREMRANGEBYSCORE', 'lane:' .. lane .. ':busy', '-inf', int(now))
  local state = redis.call('HMGET', 'lane:' .. lane, 'failures', 'open_until_ms')
  local failures, open_until = tonumber(state[1] or 0) or 0, tonumber(state[2] or 0) or 0
  if open_until > now then return 0, open_until end
  local places = math.max(1, math.floor(limit / 2 ^ failures))
  return places - redis.call('ZCARD', 'lane:' .. lane .. ':busy'), now + HOOK_LOOK_MS
end

-- Take a place until ``until_ms``, or be held until there is one. Returns whether it has one.
local function enter_lane(id, hook, limit, now, until_ms)
  local busy, held = 'lane:' .. hook.lane .. ':busy', 'lane:' .. hook.lane .. ':held'
  local room, look = lane_room(hook.lane, limit, now)
  if room <= 0 and not redis.call('ZSCORE', busy, id) then
    hold_hook(id, hook, look)
    return false
  end
  redis.call('ZREM', held, id)
  redis.call('ZADD', busy, int(until_ms), id)
  redis.call('PEXPIRE', busy, LANE_KEPT_MS)
  return true
end

-- Give free places to those who were held, oldest first, and ring for them.
local function pump_lane(lane, limit, now)
  local busy, held = 'lane:' .. lane .. ':busy', 'lane:' .. lane .. ':held'
  local room, look = lane_room(lane, limit, now)
  if room > 0 then
    for _, id in ipairs(redis.call('ZRANGE', held, 0, room - 1)) do
      redis.call('ZREM', held, id)
      local hook = redis.call('HMGET', 'hook:' .. id, 'event', 'subject', 'status')
      if hook[3] == 'pending' then
        redis.call('ZADD', busy, int(now + HOOK_LOOK_MS), id)
        ring_hook(id, { event = hook[1], subject = hook[2], lane = lane }, now, true)
      end
    end
  end
  if redis.call('EXISTS', held) == 1 then
    redis.call('ZADD', 'lanes', int(look), lane)
  else
    redis.call('ZREM', 'lanes', lane)
  end
end

-- Note how a send went. Opens the circuit after many failures in a row, longer each time, or
-- because the receiver asked for it.
local function lane_result(lane, succeeded, now, wish_ms)
  local key = 'lane:' .. lane
  if succeeded then
    redis.call('DEL', key)
    return
  end
  local failures, pause = redis.call('HINCRBY', key, 'failures', 1), wish_ms
  if failures >= LANE_FAILURES then
    pause = math.max(pause, LANE_OPEN_MS * 2 ^ math.min(9, failures - LANE_FAILURES))
  end
  if pause > 0 then
    redis.call('HSET', key, 'open_until_ms', int(now + math.min(LANE_OPEN_MAX_MS, pause)))
  end
  redis.call('PEXPIRE', key, LANE_KEPT_MS)
end
