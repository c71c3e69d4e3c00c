#!lua
-- Purpose: replace a signing secret; the old one stays valid for a while.
-- ARGV: 1 key ('endpoint:{id}' or 'whsec:{user}'), 2 user, 3 new secret, sealed, 4 ms for which
--   the old one is valid.
-- Returns: {'ok', ms until which the old one is valid} | {'unknown'}
-- A repeated call with the same secret gets the same answer.

local key, now = ARGV[1], now_ms()
local own = key == 'whsec:' .. ARGV[2]
if not own and redis.call('HGET', key, 'user') ~= ARGV[2] then return { 'unknown' } end
local state = redis.call('HMGET', key, 'secret', 'old_until_ms')
if state[1] == ARGV[3] then return { 'ok', state[2] or '0' } end
local until_ms = int(now + tonumber(ARGV[4]))
redis.call('HSET', key, 'secret', ARGV[3], 'old_secret', state[1] or '', 'old_until_ms', until_ms)
if not own then redis.call('HSET', key, 'updated_ms', int(now)) end
return { 'ok', until_ms }
