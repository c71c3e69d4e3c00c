-- Shared: clients that wait for their job, and how the retry of a cut call finds its job again.
-- Job fields: call (digest of user, route and body, or ''), waiter ('{gateway}/{nonce}', ''
-- once it has left), left_ms (when) and retry (which try of the call waits: 0 is the first).

local CALL_MS = 24 * 3600 * 1000
-- No client waits longer before it tries again.
local ADOPTABLE_MS = 120 * 1000
local WAITER_LOOK_MS = 15 * 1000

-- ARGV[from ..] as a table: the fields of a new record.
local function fields_from(from)
  local fields = {}
  for i = from, #ARGV - 1, 2 do fields[ARGV[i]] = ARGV[i + 1] end
  return fields
end

-- Whether somebody still waits: the client is not known to have left, and its gateway lives.
local function is_waited_for(waiter)
  return waiter and waiter ~= ''
    and redis.call('EXISTS', 'gateway:' .. string.match(waiter, '^[^/]*')) == 1
end

-- From now on the client of ``new`` waits for this job, whoever did before.
local function wait_for(id, new, now)
  if not new.waiter then return end
  redis.call('HSET', 'job:' .. id, 'waiter', new.waiter, 'retry', new.retry)
  redis.call('HDEL', 'job:' .. id, 'left_ms')
  if redis.call('HGET', 'job:' .. id, 'on_disconnect') == 'cancel' then
    redis.call('ZADD', 'waited', int(now + WAITER_LOOK_MS), id)
  end
end

-- Let the retry of a call find the job that this try makes.
local function remember_call(id, new, now)
  if (new.call or '') == '' then return end
  redis.call('ZADD', 'calls:' .. new.call, int(now), id)
  redis.call('PEXPIRE', 'calls:' .. new.call, CALL_MS)
end

-- Whether a job is there for this try to take over: left by an earlier one, not long ago.
local function is_orphan(job, new, now)
  return number_of(job, 'retry') < tonumber(new.retry) and not is_waited_for(job.waiter)
    and now - (tonumber(job.left_ms) or now) <= ADOPTABLE_MS
end

-- The newest job of an earlier try of this call for which nobody waits any more, now waited
-- for by ``new``; nil if there is none. A repeated call gets the same job.
local function adopt(new, now)
  if (new.call or '') == '' or tonumber(new.retry) == 0 then return nil end
  local orphan
  for _, id in ipairs(redis.call('ZREVRANGE', 'calls:' .. new.call, 0, -1)) do
    local job = read_job(id)
    if not job or (TERMINAL[job.status] and job.status ~= 'completed') then
      redis.call('ZREM', 'calls:' .. new.call, id)
    elseif job.waiter == new.waiter then
      return id
    elseif not orphan and is_orphan(job, new, now) then
      orphan = id
    end
  end
  if orphan then wait_for(orphan, new, now) end
  return orphan
end
