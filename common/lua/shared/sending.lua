-- Shared: how an attempt at a delivery ends, for the scripts that saw it.

local HOOK_TRIES_KEPT = 50
local INTERRUPTIONS = 10

local function read_hook(id)
  local flat = redis.call('HGETALL', 'hook:' .. id)
  if #flat == 0 then return nil end
  local hook = {}
  for i = 1, #flat, 2 do hook[flat[i]] = flat[i + 1] end
  return hook
end

-- Note an attempt, and give its place in the lane back.
local function leave_lane(id, hook, try)
  redis.call('RPUSH', 'hook:' .. id .. ':tries', try)
  redis.call('LTRIM', 'hook:' .. id .. ':tries', -HOOK_TRIES_KEPT, -1)
  redis.call('ZREM', 'lane:' .. hook.lane .. ':busy', id)
  redis.call('SREM', 'sends:' .. hook.worker, id)
end

-- Have the delivery tried again at ``due``.
local function postpone_hook(id, due)
  redis.call('HSET', 'hook:' .. id, 'status', 'pending', 'due_ms', int(due), 'token', '')
  redis.call('ZADD', 'hooks', int(due), id)
end

-- Ring for the delivery that waited until this one had been tried.
local function ring_next(hook, now)
  local waiting = hook.next and read_hook(hook.next)
  if waiting and waiting.status == 'pending' then call_hook(hook.next, waiting, now, true) end
end

-- The worker died while it was sending: whether the receiver heard it, nobody knows.
local function interrupt_hook(id, hook, now, limit)
  leave_lane(id, hook, cjson.encode({ number = number_of(hook, 'attempts'),
    at_ms = number_of(hook, 'sent_ms'), duration_ms = now - number_of(hook, 'sent_ms'),
    error = 'The worker died while it was sending.' }))
  local times = redis.call('HINCRBY', 'hook:' .. id, 'interrupted', 1)
  if hook.next then
    end_hook(id, hook, 'cancelled', now, 'The job had ended.')
  elseif times >= INTERRUPTIONS then
    end_hook(id, hook, 'failed', now, 'Its worker died ' .. int(times) .. ' times.')
  else
    postpone_hook(id, now)
    ring_hook(id, hook, now, true)
  end
  ring_next(hook, now)
  pump_lane(hook.lane, limit, now)
end

-- Take an endpoint out of use. Its owner's other endpoints are told.
local function disable_endpoint(endpoint, hook, reason, now)
  redis.call('HSET', 'endpoint:' .. endpoint, 'enabled', '0', 'disabled_reason', reason,
    'disabled_ms', int(now))
  outbox_event(endpoint, { user = hook.user, occurrence = int(now), facts = cjson.encode(
    { object = 'endpoint', url = hook.url, reason = reason }) }, 'endpoint.disabled', now)
end

-- What an attempt says about the endpoint. Returns why it was disabled just now, or ''.
local function judge_endpoint(hook, succeeded, gone, patience_ms, now)
  local key = 'endpoint:' .. hook.endpoint
  if hook.endpoint == '' or redis.call('HGET', key, 'enabled') ~= '1' then return '' end
  if succeeded then
    redis.call('HDEL', key, 'failing_since_ms')
    return ''
  end
  redis.call('HSETNX', key, 'failing_since_ms', int(now))
  local since = tonumber(redis.call('HGET', key, 'failing_since_ms'))
  local reason = gone and 'gone' or (now - since >= patience_ms and 'failing' or '')
  if reason ~= '' then disable_endpoint(hook.endpoint, hook, reason, now) end
  return reason
end
