#!lua flags=allow-oom
-- Purpose: take a delivery that is due, for one attempt; the answer to its doorbell.
-- ARGV: 1 delivery id, 2 token (a fresh nonce), 3 worker id, 4 lease in ms, 5 sends at once in
--   a lane.
-- Returns: {'claimed', delivery, {secret, old secret, ms until which that is valid}, now ms}
--   | {'drop', why} | {'held', lane}: it is rung for when its lane has a place.
-- A repeated call with the same token gets the same answer.

local id, token, worker, lease = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local hook, now = read_hook(id), now_ms()
if not hook then return { 'drop', 'unknown' } end

if not (hook.status == 'sending' and hook.token == token) then
  if hook.status ~= 'pending' then return { 'drop', hook.status } end
  if number_of(hook, 'due_ms') > now then return { 'drop', 'not due' } end
  if hook.endpoint ~= '' then
    local enabled, gone = redis.call('HGET', 'endpoint:' .. hook.endpoint, 'enabled'), nil
    if not enabled then
      gone = 'deleted'
      end_hook(id, hook, 'cancelled', now, 'The endpoint was deleted.')
    elseif enabled ~= '1' then
      gone = 'disabled'
      end_hook(id, hook, 'failed', now, 'The endpoint is disabled.')
    end
    if gone then
      pump_lane(hook.lane, tonumber(ARGV[5]), now)
      return { 'drop', 'endpoint ' .. gone }
    end
  end
  if hook.after ~= '' and redis.call('HGET', 'hook:' .. hook.after, 'status') == 'sending' then
    redis.call('ZADD', 'hooks', int(now + HOOK_LOOK_MS), id)
    return { 'drop', 'waits for ' .. hook.after }
  end
  if not enter_lane(id, hook, tonumber(ARGV[5]), now, now + lease) then
    return { 'held', hook.lane }
  end
  redis.call('HSET', 'hook:' .. id, 'status', 'sending', 'token', token, 'worker', worker,
    'sent_ms', int(now))
  redis.call('HINCRBY', 'hook:' .. id, 'attempts', 1)
  redis.call('ZADD', 'hooks', int(now + lease), id)
  redis.call('SADD', 'sends:' .. worker, id)
  redis.call('PEXPIRE', 'sends:' .. worker, LANE_KEPT_MS)
end

local key = hook.endpoint ~= '' and 'endpoint:' .. hook.endpoint or 'whsec:' .. hook.user
local secrets = redis.call('HMGET', key, 'secret', 'old_secret', 'old_until_ms')
for i = 1, 3 do secrets[i] = secrets[i] or '' end
return { 'claimed', redis.call('HGETALL', 'hook:' .. id), secrets, int(now) }
