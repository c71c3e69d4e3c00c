-- Shared: the ways of a job between its states, for scripts that have looked at the record.

local TOMBSTONE_MS = 7 * 24 * 3600 * 1000
local IDEMPOTENCY_MS = 24 * 3600 * 1000
local STREAM_LINGER_MS = 60 * 1000
-- Bytes of a record's prompt and answer that go with the news of its end.
local MOST_TOLD = 16 * 1024
-- Fields that mean nothing once a job has ended.
local TRANSIENT = { 'token', 'worker', 'claimed_ms', 'queued_ms', 'rung_ms', 'not_before_ms',
  'queue_ttl_ms', 'timeout_ms', 'tokens_at_kill', 'asked_back', 'tag', 'charged', 'rings', 'yields',
  'followed', 'awaited' }

-- Void the lease: whoever holds the token can write no more, and is told at once.
local function void(id, job)
  redis.call('ZREM', 'leases', id)
  if job.token and job.token ~= '' then redis.call('PUBLISH', 'orders', 'void ' .. job.token) end
end

-- Run time so far in ms, over all attempts; ``until_ms`` ends the current one.
local function run_ms(job, until_ms)
  local current = 0
  if job.status == 'in_progress' then
    current = math.max(0, until_ms - number_of(job, 'claimed_ms'))
  end
  return number_of(job, 'run_ms') + current
end

-- The record of an ended job for those who wait for it; nil if it is so long that each of them
-- better reads it than every gateway hears it.
local function end_of(key)
  if redis.call('HSTRLEN', key, 'work') + redis.call('HSTRLEN', key, 'text')
    + redis.call('HSTRLEN', key, 'logprobs') > MOST_TOLD then return nil end
  return redis.call('HGETALL', key)
end

-- Move an unfinished job to a terminal state, once and for all.
-- ``fields`` are further field, value pairs for the record.
local function settle(id, job, status, now, fields)
  local key, ttl = 'job:' .. id, number_of(job, 'result_ttl_ms')
  local text, ids, lengths, logprobs = compact(id)
  local revision = redis.call('HINCRBY', key, 'revision', 1)
  void(id, job)
  redis.call('HDEL', key, unpack(TRANSIENT))
  redis.call('HSET', key, 'status', status, 'completed_ms', int(now),
    'expires_ms', int(now + ttl), 'run_ms', int(run_ms(job, now)),
    'text', text, 'ids', pack(ids), 'lengths', lengths)
  if logprobs ~= '' then redis.call('HSET', key, 'logprobs', logprobs) end
  if #fields > 0 then redis.call('HSET', key, unpack(fields)) end
  redis.call('ZREM', 'wait:' .. job.priority, id)
  stop_ringing(id, job)
  if job.status == 'queued' then take_bell_away(id, job.priority) end
  put_right(id, job)
  redis.call('ZREM', 'deadlines', id)
  redis.call('SREM', 'active:' .. job.user, id)
  if not job.batch then relist(id, job, status, now) end
  redis.call('PEXPIRE', key, ttl)
  redis.call('PEXPIRE', 'ev:' .. id, math.min(ttl, STREAM_LINGER_MS))
  redis.call('SET', 'gone:' .. id, job.user, 'PX', int(ttl + TOMBSTONE_MS))
  if job.idempotency and job.idempotency ~= '' then
    local age = now - number_of(job, 'created_ms')
    redis.call('PEXPIRE', job.idempotency, int(math.max(IDEMPOTENCY_MS - age, ttl)))
  end
  if status == 'failed' then redis.call('ZADD', 'dead', int(now), id) end
  account(id, job, status, now)
  return_tokens(id, job, now)
  outbox_event(id, job, 'job.' .. status, now)
  line_ended(id, job, status, now)
  meter(id, job, status, now)
  redis.call('HINCRBY', 'totals', job.kind .. '|' .. job.priority .. '|' .. status, 1)
  publish_state(id, status, revision, job.awaited and end_of(key) or nil)
  pump(now)
end

-- Put a running job back in its queue, with its age; the next sweep rings for it.
-- ``until_ms`` is when its attempt stopped running, ``why`` stands in its trail.
local function requeue(id, job, now, until_ms, why)
  local key = 'job:' .. id
  local deadline = number_of(job, 'deadline_ms')
  local start_by = now + number_of(job, 'queue_ttl_ms')
  if deadline > 0 then start_by = math.min(start_by, deadline) end
  void(id, job)
  local revision = redis.call('HINCRBY', key, 'revision', 1)
  redis.call('HSET', key, 'status', 'queued', 'token', '', 'worker', '', 'rung_ms', '0',
    'queued_ms', int(now), 'run_ms', int(run_ms(job, until_ms)))
  redis.call('ZADD', 'wait:' .. job.priority, job.enqueued_ms, id)
  wait_again(id, job.priority, now)
  redis.call('ZADD', 'deadlines', int(start_by), id)
  leave_trail(id, job, 'back', now, why)
  publish_state(id, 'queued', revision)
end
