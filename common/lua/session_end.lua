#!lua flags=allow-oom
-- Purpose: end one session of a user, or all; their access tokens are void with them.
-- ARGV: 1 user, 2 session, '' for all.
-- Returns: how many it ended. Safe to repeat.

local DAY_MS = 24 * 3600 * 1000
local list = 'sessions:' .. ARGV[1]
local ending = ARGV[2] ~= '' and { ARGV[2] } or redis.call('ZRANGE', list, 0, -1)
for _, session in ipairs(ending) do
  redis.call('ZREM', list, session)
  redis.call('DEL', 'session:' .. session)
end
if ARGV[2] == '' then
  -- Tokens of no session, or of one that was evicted: void if issued before this second.
  redis.call('SET', 'revoked:' .. ARGV[1], int(math.floor(now_ms() / 1000)), 'PX', int(DAY_MS))
end
return #ending
