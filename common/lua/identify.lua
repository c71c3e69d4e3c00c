#!lua flags=allow-oom
-- Purpose: say who a bearer is and what they may do, as their record has it now.
-- ARGV: 1 'token' | 'key', 2 user, or id of the key, 3 session or '', or digest of the secret,
--   4 when the token was issued (s), 5 the user who is an administrator without a record.
-- Returns: {'ok', user, role, scopes of the key, 1 if it is the key's first use in an hour}
--   | {'unknown'} | {'disabled'} | {'revoked'} | {'expired'}. Writes only when a key was used.

local NOTE_EVERY_MS, HOUR_MS = 60 * 1000, 3600 * 1000
local user, now, scopes, first_use = ARGV[2], now_ms(), '', 0

if ARGV[1] == 'key' then
  local key = 'apikey:' .. ARGV[2]
  local about = redis.call('HMGET', key, 'user', 'digest', 'scopes', 'expires_ms', 'used_ms')
  if not about[1] or about[2] ~= ARGV[3] then return { 'unknown' } end
  local expires = tonumber(about[4] or 0)
  if expires > 0 and expires <= now then return { 'expired' } end
  user, scopes = about[1], about[3]
  local used = tonumber(about[5] or 0)
  if now - used >= NOTE_EVERY_MS then
    if math.floor(now / HOUR_MS) ~= math.floor(used / HOUR_MS) then first_use = 1 end
    redis.call('HSET', key, 'used_ms', int(now))
  end
else
  local why = voided(user, ARGV[3], tonumber(ARGV[4]))
  if why then return { why } end
end

local role, why = role_of(user, ARGV[5])
if not role then return { why } end
return { 'ok', user, role, scopes, first_use }
