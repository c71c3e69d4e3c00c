#!lua flags=allow-oom
-- Purpose: use a refresh secret, once; one that is not the current one ends the session.
-- ARGV: 1 session, 2 digest of the secret, 3 digest of the next secret, 4 lifetime in ms.
-- Returns: {'ok', user} | {'reused', user} | {'unknown'}.
-- A repeated call gets the same answer: it finds its own next secret in place.

local session = 'session:' .. ARGV[1]
local about = redis.call('HMGET', session, 'user', 'digest')
local user = about[1]
if not user then return { 'unknown' } end
if about[2] ~= ARGV[2] and about[2] ~= ARGV[3] then
  redis.call('DEL', session)
  redis.call('ZREM', 'sessions:' .. user, ARGV[1])
  return { 'reused', user }
end
redis.call('HSET', session, 'digest', ARGV[3])
redis.call('PEXPIRE', session, ARGV[4])
redis.call('ZADD', 'sessions:' .. user, int(now_ms()), ARGV[1])
redis.call('PEXPIRE', 'sessions:' .. user, ARGV[4])
return { 'ok', user }
