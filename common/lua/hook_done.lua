#!lua flags=allow-oom
-- Purpose: write down an attempt at a delivery, and what follows from it.
-- ARGV: 1 delivery id, 2 token, 3 outcome: 'succeeded' | 'retry' | 'failed' | 'gone' (the
--   receiver wants no more), 4 the attempt (JSON), 5 ms until the next one, 6 why it failed,
--   7 ms of failing after which an endpoint is disabled, 8 sends at once in a lane, 9 ms for
--   which the receiver asked to be left alone.
-- Returns: {'ok', status, why its endpoint was disabled or '', ms since the event}
--   | {'lost'}: another worker may have sent it. A repeated call gets the same answer.

local id, token, outcome = ARGV[1], ARGV[2], ARGV[3]
local key, hook, now = 'hook:' .. ARGV[1], read_hook(ARGV[1]), now_ms()
if not hook then return { 'lost' } end
local age = int(now - number_of(hook, 'created_ms'))
if hook.recorded_by == token then return { 'ok', hook.status, hook.disabled or '', age } end
if hook.status ~= 'sending' or hook.token ~= token then return { 'lost' } end

leave_lane(id, hook, ARGV[4])
lane_result(hook.lane, outcome == 'succeeded', now, tonumber(ARGV[9]))
local disabled = judge_endpoint(hook, outcome == 'succeeded', outcome == 'gone',
  tonumber(ARGV[7]), now)
redis.call('HSET', key, 'recorded_by', token, 'disabled', disabled)
if outcome == 'succeeded' then
  end_hook(id, hook, 'succeeded', now)
elseif hook.next then
  end_hook(id, hook, 'cancelled', now, 'The job had ended.')
elseif outcome == 'retry' then
  redis.call('HINCRBY', key, 'failures', 1)
  postpone_hook(id, now + tonumber(ARGV[5]))
else
  end_hook(id, hook, 'failed', now, ARGV[6])
end
ring_next(hook, now)
pump_lane(hook.lane, tonumber(ARGV[8]), now)
return { 'ok', redis.call('HGET', key, 'status'), disabled, age }
