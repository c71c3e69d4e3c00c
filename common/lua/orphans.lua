#!lua
-- Purpose: find the waiting jobs whose doorbell is lost, oldest first.
-- Bells leave a queue in order, so a waiting job older than the job of the front bell has
-- none; nor has any job while the queue is empty.
-- ARGV: 1 priority, 2 ms since the last ring, 3 jobs at most.
-- Returns: ids to ring for.

local queue, waiting, now = 'q.' .. ARGV[1], 'wait:' .. ARGV[1], now_ms()
local before = '+inf'
local front = redis.call('LINDEX', queue, -1)
if front then
  local ok, bell = pcall(cjson.decode, front)
  local score = ok and bell.headers and redis.call('ZSCORE', waiting, bell.headers.id)
  if not score then return {} end
  before = '(' .. score
end
local orphans = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', waiting, '-inf', before, 'LIMIT', 0, ARGV[3])) do
  local state = redis.call('HMGET', 'job:' .. id, 'rung_ms', 'not_before_ms')
  local quiet = now - (tonumber(state[1] or 0) or 0) >= tonumber(ARGV[2])
  if quiet and (tonumber(state[2] or 0) or 0) <= now then orphans[#orphans + 1] = id end
end
return orphans
