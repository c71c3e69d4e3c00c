#!lua
-- Purpose: take an endpoint into use, or out of it.
-- ARGV: 1 endpoint id, 2 user, 3 '1' or '0'.
-- Returns: {'ok'} | {'unknown'}. A repeated call changes nothing more.

local endpoint, now = ARGV[1], now_ms()
local key = 'endpoint:' .. endpoint
local about = redis.call('HMGET', key, 'user', 'enabled')
if about[1] ~= ARGV[2] then return { 'unknown' } end
if about[2] == ARGV[3] then return { 'ok' } end
redis.call('HSET', key, 'enabled', ARGV[3], 'updated_ms', int(now))
if ARGV[3] == '1' then
  redis.call('HDEL', key, 'disabled_reason', 'disabled_ms', 'failing_since_ms')
  redis.call('DEL', 'lane:' .. endpoint)
else
  redis.call('HSET', key, 'disabled_reason', 'user', 'disabled_ms', int(now))
end
return { 'ok' }
