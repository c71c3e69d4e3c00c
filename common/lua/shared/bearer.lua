-- Shared: who a bearer is, as the records of users and sessions have it now.

-- Why a token issued to this user in that second (``session`` '' for none) counts no more, or nil.
local function voided(user, session, issued)
  local revoked_before = tonumber(redis.call('GET', 'revoked:' .. user) or 0)
  if issued < revoked_before then return 'revoked' end
  if session ~= '' and redis.call('EXISTS', 'session:' .. session) == 0 then return 'revoked' end
end

-- What a user is; or nil, and why not. ``first_user`` is an administrator without a record.
local function role_of(user, first_user)
  local about = redis.call('HMGET', 'user:' .. user, 'role', 'disabled')
  if about[2] == '1' then return nil, 'disabled' end
  if about[1] then return about[1] end
  if user == first_user then return 'admin' end
  if redis.call('EXISTS', 'user:' .. user) == 0 then return nil, 'unknown' end
  return 'user'
end

-- Why a user may not submit by this token, and what they are where that is why; nil if they may.
-- A caller without a token (``issued`` 0) was identified before.
local function refused(user, own, token, first_user, submitters)
  if own.disabled then return 'disabled' end
  if token.issued == 0 then return nil end
  local why = voided(user, token.session, token.issued)
  if why then return why end
  local role, nobody = role_of(user, first_user)
  if not role then return nobody end
  if not string.find(submitters, role, 1, true) then return 'forbidden', role end
end
