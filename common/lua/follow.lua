#!lua flags=allow-oom
-- Purpose: have the tokens of an unfinished job told as they are stored; who follows it says so
--   before they read what is stored already.
-- ARGV: 1 id.
-- Returns: {'ok'} | {'ended'}: there is nothing more to tell.

local key = 'job:' .. ARGV[1]
local status = redis.call('HGET', key, 'status')
if not status or TERMINAL[status] then return { 'ended' } end
redis.call('HSET', key, 'followed', '1')
return { 'ok' }
