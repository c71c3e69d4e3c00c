#!lua flags=allow-oom
-- Purpose: open a session for a user who has logged in; too many end the oldest.
-- ARGV: 1 session, 2 user, 3 digest of its refresh secret, 4 lifetime in ms.
-- Returns: {'ok'}. A repeated call gets the same answer.

local MOST = 100
local session, list, now = 'session:' .. ARGV[1], 'sessions:' .. ARGV[2], now_ms()
redis.call('HSET', session, 'user', ARGV[2], 'digest', ARGV[3])
redis.call('PEXPIRE', session, ARGV[4])
redis.call('ZREMRANGEBYSCORE', list, '-inf', int(now - tonumber(ARGV[4])))
redis.call('ZADD', list, int(now), ARGV[1])
redis.call('PEXPIRE', list, ARGV[4])
for _, oldest in ipairs(redis.call('ZRANGE', list, 0, -MOST - 1)) do
  redis.call('DEL', 'session:' .. oldest)
  redis.call('ZREM', list, oldest)
end
return { 'ok' }
