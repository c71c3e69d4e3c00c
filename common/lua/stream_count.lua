#!lua flags=allow-oom
-- Purpose: say how many event streams a gateway holds open for a user, if the user may have them.
-- ARGV: 1 user, 2 gateway, 3 open streams there, 4 open streams allowed to a user.
-- The user's own limit, where the record of the user has one, wins over 4.
-- Returns: {1 | 0, open in all gateways, limit}; 0: too many, and nothing was written.
-- The number is absolute, so a repeated or lost call is put right by the next one; a gateway
-- that died counts no more. Fewer than before are always taken down.

local user, gateway, wanted = ARGV[1], ARGV[2], tonumber(ARGV[3])
local key, day_ms = 'streams:' .. user, 24 * 3600 * 1000
local limit = allowance(user).streams or tonumber(ARGV[4])
local counts, elsewhere, before = redis.call('HGETALL', key), 0, 0

for i = 1, #counts, 2 do
  if counts[i] == gateway then
    before = tonumber(counts[i + 1])
  elseif redis.call('EXISTS', 'gateway:' .. counts[i]) == 1 then
    elsewhere = elsewhere + tonumber(counts[i + 1])
  else
    redis.call('HDEL', key, counts[i])
  end
end
if wanted > before and elsewhere + wanted > limit then return { 0, elsewhere + wanted - 1, limit } end
if wanted == 0 then
  redis.call('HDEL', key, gateway)
else
  redis.call('HSET', key, gateway, int(wanted))
  redis.call('PEXPIRE', key, day_ms)
end
return { 1, elsewhere + wanted, limit }
