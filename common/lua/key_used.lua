#!lua flags=allow-oom
-- Purpose: note that an API key was used, once a minute at most.
-- ARGV: 1 id of the key.
-- Returns: 1 if it was its first use in an hour, else 0. A repeated call notes nothing.

local NOTE_EVERY_MS, HOUR_MS = 60 * 1000, 3600 * 1000
local key, now = 'apikey:' .. ARGV[1], now_ms()

if redis.call('EXISTS', key) == 0 then return 0 end
local used = tonumber(redis.call('HGET', key, 'used_ms') or 0)
if now - used < NOTE_EVERY_MS then return 0 end
redis.call('HSET', key, 'used_ms', int(now))
return math.floor(now / HOUR_MS) ~= math.floor(used / HOUR_MS) and 1 or 0
