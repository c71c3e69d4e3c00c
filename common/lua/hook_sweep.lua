#!lua flags=allow-oom
-- Purpose: ring for the deliveries that are due, and take back those whose worker has died.
-- ARGV: 1 deliveries at most, 2 bells in the queue above which none is added: it is read, or
--   nobody reads it, 3 sends at once in a lane, 4 worker known to be dead ('' for none).
-- Returns: {rung, taken back}

local most, limit, now = tonumber(ARGV[1]), tonumber(ARGV[3]), now_ms()
local rung, taken = 0, 0

if ARGV[4] ~= '' then
  for _, id in ipairs(redis.call('SMEMBERS', 'sends:' .. ARGV[4])) do
    local hook = read_hook(id)
    if hook and hook.status == 'sending' and hook.worker == ARGV[4] then
      interrupt_hook(id, hook, now, limit)
      taken = taken + 1
    end
  end
  redis.call('DEL', 'sends:' .. ARGV[4])
  return { rung, taken }
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'hooks', '-inf', int(now), 'LIMIT', 0, int(most))) do
  local hook = read_hook(id)
  if not hook then
    redis.call('ZREM', 'hooks', id)
  elseif hook.status == 'sending' then
    interrupt_hook(id, hook, now, limit)
    taken = taken + 1
  elseif redis.call('LLEN', 'q.webhooks') < tonumber(ARGV[2]) then
    call_hook(id, hook, now, true)
    rung = rung + 1
  else
    redis.call('ZADD', 'hooks', int(now + HOOK_LOOK_MS), id)
  end
end
for _, lane in ipairs(redis.call('ZRANGEBYSCORE', 'lanes', '-inf', int(now), 'LIMIT', 0, int(most))) do
  pump_lane(lane, limit, now)
end
return { rung, taken }
