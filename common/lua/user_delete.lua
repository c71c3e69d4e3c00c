#!lua flags=allow-oom
-- Purpose: delete the record of a user and retire the name; what was used stays in the sums.
-- ARGV: 1 name, 2 ms for which the name is not given again.
-- Returns: 'ok' | 'unknown'. A repeated call answers 'ok' as long as the name is retired.

local name = ARGV[1]
if redis.call('DEL', 'user:' .. name) == 0 then
  return redis.call('EXISTS', 'retired:' .. name) == 1 and 'ok' or 'unknown'
end
redis.call('ZREM', 'users', name)
forget_endpoints(name)
redis.call('SET', 'retired:' .. name, int(now_ms()), 'PX', ARGV[2])
return 'ok'
