#!lua flags=allow-oom
-- Purpose: note that a client no longer waits for its job: it has its answer, or it has left.
-- ARGV: 1 id, 2 waiter, 3 'answered' | 'left', 4 ms in which a retry may still come for it.
-- Returns: 1 if it was this client that the job was waited for by, else 0.
-- A job whose client left is cancelled by abandon.lua, if it wants that and nobody comes.

local id, key, now = ARGV[1], 'job:' .. ARGV[1], now_ms()
local job = redis.call('HMGET', key, 'waiter', 'call')
if job[1] ~= ARGV[2] then return 0 end
if ARGV[3] == 'answered' then
  redis.call('HDEL', key, 'waiter')
  redis.call('ZREM', 'waited', id)
  if job[2] then redis.call('ZREM', 'calls:' .. job[2], id) end
else
  redis.call('HSET', key, 'waiter', '', 'left_ms', int(now))
  redis.call('ZADD', 'waited', 'XX', int(now + tonumber(ARGV[4])), id)
end
return 1
