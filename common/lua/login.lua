#!lua flags=allow-oom
-- Purpose: slow down who guesses passwords: each failure too many doubles the wait, up to a
--   minute; nobody is locked out, and a quarter of an hour without a try forgets it all.
-- ARGV: 1 'try' | 'won', 2 a nonce of this call, 3.. key, failures that are free; the first
--   key is the account's at an address, the second the address's.
-- Returns: ms to wait before the next try; 0: go on. A try counts as a failure until it won.
-- A repeated call counts once.

local FORGET_MS, LONGEST_S = 15 * 60 * 1000, 60
local now, wait = now_ms(), 0

if ARGV[1] == 'won' then
  redis.call('DEL', ARGV[3])
  if redis.call('HGET', ARGV[5], 'nonce') ~= ARGV[2] and redis.call('EXISTS', ARGV[5]) == 1 then
    redis.call('HSET', ARGV[5], 'nonce', ARGV[2])
    redis.call('HINCRBY', ARGV[5], 'failures', -1)
  end
  return 0
end

if redis.call('HGET', ARGV[3], 'nonce') == ARGV[2] then return 0 end
for i = 3, #ARGV, 2 do
  wait = math.max(wait, tonumber(redis.call('HGET', ARGV[i], 'next_ms') or 0) - now)
end
if wait > 0 then return wait end
for i = 3, #ARGV, 2 do
  local failures, pause = redis.call('HINCRBY', ARGV[i], 'failures', 1), 0
  local over = failures - tonumber(ARGV[i + 1])
  if over >= 0 then pause = math.min(LONGEST_S, 2 ^ math.min(over, 10)) * 1000 end
  redis.call('HSET', ARGV[i], 'nonce', ARGV[2], 'next_ms', int(now + pause))
  redis.call('PEXPIRE', ARGV[i], FORGET_MS)
end
return 0
