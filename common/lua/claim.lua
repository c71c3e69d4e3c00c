#!lua flags=allow-oom
-- Purpose: take a queued job under a fresh lease; the answer to a doorbell.
-- ARGV: 1 id, 2 token (a fresh nonce), 3 worker id, 4 lease in ms,
--   5 '1' if the worker holds nothing else, 6 name of its model.
-- Returns: {'claimed', record, tokens so far as 'id,id,..', run ms left} | {'drop', why}
--   | {'suspect'}: its worker died under it, or its engine failed, by its own fault or a
--   neighbour's; claim it again when it can run alone.
-- A repeated call with the same token gets the same answer.

local id, token = ARGV[1], ARGV[2]
local key, now = 'job:' .. id, now_ms()
local job = read_job(id)

-- The bell is gone all the same: ring the next one.
local function refuse(...)
  pump(now)
  return { ... }
end

if not job then return refuse('drop', 'unknown') end

if job.status == 'queued' then
  if number_of(job, 'not_before_ms') > now then return refuse('drop', 'not due') end
  local deadline = number_of(job, 'deadline_ms')
  if deadline > 0 and deadline <= now then return refuse('drop', 'too late') end
  local suspect = number_of(job, 'kills') + number_of(job, 'failures') > 0
  if suspect and ARGV[5] ~= '1' then return refuse('suspect') end
  local waited = now - number_of(job, 'queued_ms')
  local time_left = math.max(0, number_of(job, 'timeout_ms') - number_of(job, 'run_ms'))
  local end_by = now + time_left
  if deadline > 0 then end_by = math.min(end_by, deadline) end
  redis.call('HSET', key, 'status', 'in_progress', 'token', token, 'worker', ARGV[3],
    'model', ARGV[6] or '',
    'claimed_ms', int(now), 'queue_ttl_ms', int(math.max(0, number_of(job, 'queue_ttl_ms') - waited)))
  local first = redis.call('HSETNX', key, 'started_ms', int(now)) == 1
  redis.call('HINCRBY', key, 'attempts', 1)
  local revision = redis.call('HINCRBY', key, 'revision', 1)
  redis.call('ZREM', 'wait:' .. job.priority, id)
  start_turn(id, job)
  redis.call('ZADD', 'leases', int(now + tonumber(ARGV[4])), id)
  redis.call('ZADD', 'deadlines', int(end_by), id)
  leave_trail(id, job, 'start', now, ARGV[3])
  if first then outbox_event(id, job, 'job.started', now) end
  publish_state(id, 'in_progress', revision)
  pump(now)
elseif not (job.status == 'in_progress' and job.token == token) then
  return refuse('drop', job.status)
end

local flat = redis.call('HGETALL', key)
local end_by = tonumber(redis.call('ZSCORE', 'deadlines', id) or now)
local _, ids = compact(id)
return { 'claimed', flat, ids, int(math.max(0, end_by - now)) }
