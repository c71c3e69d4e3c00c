#!lua flags=allow-oom
-- Purpose: create or change the record of a user.
-- ARGV: 1 name, 2 'create' | 'change' | 'put' (either), 3 a nonce of this call,
--   4.. field, value; an empty value takes the field away.
-- Returns: 'ok' | 'exists' | 'retired' (deleted not long ago: its jobs and sums must not
--   become another's) | 'unknown'. A repeated call gets the same answer.

local key, now = 'user:' .. ARGV[1], int(now_ms())
local there = redis.call('EXISTS', key) == 1
if there and redis.call('HGET', key, 'nonce') == ARGV[3] then return 'ok' end
if ARGV[2] == 'create' and there then return 'exists' end
if ARGV[2] == 'create' and redis.call('EXISTS', 'retired:' .. ARGV[1]) == 1 then return 'retired' end
if ARGV[2] == 'change' and not there then return 'unknown' end
redis.call('HSETNX', key, 'created_ms', now)
redis.call('HSET', key, 'nonce', ARGV[3], 'updated_ms', now)
redis.call('ZADD', 'users', 'NX', now, ARGV[1])
for i = 4, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', key, ARGV[i])
  else
    redis.call('HSET', key, ARGV[i], ARGV[i + 1])
  end
end
return 'ok'
