#!lua flags=no-writes
-- Purpose: say who a bearer is and what they may do, as their record has it now; also while the
--   store takes no writes, so that what is there can be read.
-- ARGV: 1 'token' | 'key', 2 user, or id of the key, 3 session or '', or digest of the secret,
--   4 when the token was issued (s), 5 the user who is an administrator without a record.
-- Returns: {'ok', user, role, scopes of the key, 1 if the key's use is to be noted (key_used)}
--   | {'unknown'} | {'disabled'} | {'revoked'} | {'expired'}.

local NOTE_EVERY_MS = 60 * 1000
local user, now, scopes, unnoted = ARGV[2], now_ms(), '', 0

if ARGV[1] == 'key' then
  local key = 'apikey:' .. ARGV[2]
  local about = redis.call('HMGET', key, 'user', 'digest', 'scopes', 'expires_ms', 'used_ms')
  if not about[1] or about[2] ~= ARGV[3] then return { 'unknown' } end
  local expires = tonumber(about[4] or 0)
  if expires > 0 and expires <= now then return { 'expired' } end
  user, scopes = about[1], about[3]
  if now - tonumber(about[5] or 0) >= NOTE_EVERY_MS then unnoted = 1 end
else
  local why = voided(user, ARGV[3], tonumber(ARGV[4]))
  if why then return { why } end
end

local role, why = role_of(user, ARGV[5])
if not role then return { why } end
return { 'ok', user, role, scopes, unnoted }
