-- Shared by every script: the clock, the record, and the two ways out of a state.
-- Keys are those of common/keys.py; they are built here because one primary holds them all.

local TOMBSTONE_MS = 7 * 24 * 3600 * 1000
local IDEMPOTENCY_MS = 24 * 3600 * 1000
local STREAM_LINGER_MS = 60 * 1000
local LISTED_MS = 22 * 24 * 3600 * 1000
local ALIVE_MS = 15 * 1000
-- Fields that mean nothing once a job has ended.
local TRANSIENT = { 'token', 'worker', 'claimed_ms', 'queued_ms', 'rung_ms', 'not_before_ms',
  'queue_ttl_ms', 'timeout_ms', 'tokens_at_kill', 'asked_back' }
local TERMINAL = { completed = true, failed = true, cancelled = true, expired = true }

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Numbers are written as integers: Lua would print large ones as 1.7e+12.
local function int(number)
  return string.format('%d', number)
end

-- The record as a table, or nil.
local function read_job(id)
  local flat = redis.call('HGETALL', 'job:' .. id)
  if #flat == 0 then return nil end
  local job = {}
  for i = 1, #flat, 2 do job[flat[i]] = flat[i + 1] end
  return job
end

local function number_of(job, field)
  return tonumber(job[field] or 0) or 0
end

local function publish_state(id, status, revision)
  redis.call('PUBLISH', 'events', cjson.encode({ id = id, status = status, revision = revision }))
end

-- Void the lease: whoever holds the token can write no more, and is told at once.
local function void(id, job)
  redis.call('ZREM', 'leases', id)
  if job.token and job.token ~= '' then redis.call('PUBLISH', 'orders', 'void ' .. job.token) end
end

-- The text, ids and piece lengths of a stream, joined.
local function compact(id)
  local text, ids, lengths = {}, {}, {}
  for i, entry in ipairs(redis.call('XRANGE', 'ev:' .. id, '-', '+')) do
    for j = 1, #entry[2], 2 do
      local field, value = entry[2][j], entry[2][j + 1]
      if field == 'text' then text[i] = value
      elseif field == 'ids' then ids[i] = value
      elseif field == 'lengths' then lengths[i] = value end
    end
  end
  return table.concat(text), table.concat(ids, ','), table.concat(lengths, ',')
end

-- Three printable characters an id instead of six, for ids below 2^18; see Job.token_ids.
local function pack(ids)
  return (string.gsub(ids, '(%d+),?', function(id)
    return string.char(48 + id / 4096 % 64, 48 + id / 64 % 64, 48 + id % 64)
  end))
end

-- Append a chunk to the stream if it is the next one.
-- Returns the tokens stored; the caller compares them with what it has.
local function append_chunk(id, job, chunk, now)
  local stored = number_of(job, 'tokens')
  if chunk.count == 0 or chunk.offset ~= stored then return stored end
  local after = stored + chunk.count
  redis.call('XADD', 'ev:' .. id, int(after) .. '-0',
    'text', chunk.text, 'ids', chunk.ids, 'lengths', chunk.lengths)
  local key = 'job:' .. id
  redis.call('HSET', key, 'tokens', int(after))
  redis.call('HINCRBYFLOAT', key, 'logprob_sum', chunk.logprob_sum)
  redis.call('HINCRBY', key, 'decode_ms', chunk.decode_ms)
  redis.call('HSETNX', key, 'first_token_ms', int(now))
  redis.call('PUBLISH', 'events', cjson.encode(
    { id = id, offset = stored, tokens = chunk.count, text = chunk.text }))
  return after
end

-- ARGV[from ..]: offset, count, text, ids, lengths, logprob_sum, decode_ms.
local function chunk_from(from)
  return {
    offset = tonumber(ARGV[from]), count = tonumber(ARGV[from + 1]), text = ARGV[from + 2],
    ids = ARGV[from + 3], lengths = ARGV[from + 4], logprob_sum = ARGV[from + 5],
    decode_ms = ARGV[from + 6],
  }
end

-- Run time so far in ms, over all attempts; ``until_ms`` ends the current one.
local function run_ms(job, until_ms)
  local current = 0
  if job.status == 'in_progress' then
    current = math.max(0, until_ms - number_of(job, 'claimed_ms'))
  end
  return number_of(job, 'run_ms') + current
end

-- Put a new job in its queue and ring for it; its other fields are in the record.
-- ``way`` has queue_ttl_ms, bell and, where there is one, deadline_ms from now.
local function enqueue(id, user, priority, now, way)
  local start_by, deadline = now + tonumber(way.queue_ttl_ms), 0
  if (way.deadline_ms or 0) > 0 then
    deadline = now + way.deadline_ms
    start_by = math.min(start_by, deadline)
  end
  redis.call('HSET', 'job:' .. id, 'id', id, 'priority', priority, 'status', 'queued',
    'revision', '1', 'created_ms', int(now), 'enqueued_ms', int(now), 'queued_ms', int(now),
    'rung_ms', int(now), 'deadline_ms', int(deadline), 'queue_ttl_ms', way.queue_ttl_ms)
  redis.call('ZADD', 'wait:' .. priority, int(now), id)
  redis.call('ZADD', 'deadlines', int(start_by), id)
  redis.call('ZREMRANGEBYSCORE', 'jobs:' .. user, '-inf', int(now - LISTED_MS))
  redis.call('ZADD', 'jobs:' .. user, int(now), id)
  redis.call('SADD', 'active:' .. user, id)
  redis.call('LPUSH', 'q.' .. priority, way.bell)
  publish_state(id, 'queued', 1)
end

-- Move an unfinished job to a terminal state, once and for all.
-- ``fields`` are further field, value pairs for the record.
local function settle(id, job, status, now, fields)
  local key, ttl = 'job:' .. id, number_of(job, 'result_ttl_ms')
  local text, ids, lengths = compact(id)
  local revision = redis.call('HINCRBY', key, 'revision', 1)
  void(id, job)
  redis.call('HDEL', key, unpack(TRANSIENT))
  redis.call('HSET', key, 'status', status, 'completed_ms', int(now),
    'expires_ms', int(now + ttl), 'run_ms', int(run_ms(job, now)),
    'text', text, 'ids', pack(ids), 'lengths', lengths)
  if #fields > 0 then redis.call('HSET', key, unpack(fields)) end
  redis.call('ZREM', 'wait:' .. job.priority, id)
  redis.call('ZREM', 'deadlines', id)
  redis.call('SREM', 'active:' .. job.user, id)
  redis.call('PEXPIRE', key, ttl)
  redis.call('PEXPIRE', 'ev:' .. id, math.min(ttl, STREAM_LINGER_MS))
  redis.call('SET', 'gone:' .. id, job.user, 'PX', int(ttl + TOMBSTONE_MS))
  if job.idempotency and job.idempotency ~= '' then
    local age = now - number_of(job, 'created_ms')
    redis.call('PEXPIRE', job.idempotency, int(math.max(IDEMPOTENCY_MS - age, ttl)))
  end
  if status == 'failed' then redis.call('ZADD', 'dead', int(now), id) end
  redis.call('HINCRBY', 'totals', job.kind .. '|' .. job.priority .. '|' .. status, 1)
  publish_state(id, status, revision)
end

-- Put a running job back in its queue, with its age; somebody must ring for it.
-- ``until_ms`` is when its attempt stopped running.
local function requeue(id, job, now, until_ms)
  local key = 'job:' .. id
  local deadline = number_of(job, 'deadline_ms')
  local start_by = now + number_of(job, 'queue_ttl_ms')
  if deadline > 0 then start_by = math.min(start_by, deadline) end
  void(id, job)
  local revision = redis.call('HINCRBY', key, 'revision', 1)
  redis.call('HSET', key, 'status', 'queued', 'token', '', 'worker', '', 'rung_ms', '0',
    'queued_ms', int(now), 'run_ms', int(run_ms(job, until_ms)))
  redis.call('ZADD', 'wait:' .. job.priority, job.enqueued_ms, id)
  redis.call('ZADD', 'deadlines', int(start_by), id)
  publish_state(id, 'queued', revision)
end

-- Slots of the workers that take jobs right now.
local function living_slots(now)
  local slots = 0
  for _, worker in ipairs(redis.call('ZRANGEBYSCORE', 'workers', int(now - ALIVE_MS), '+inf')) do
    local about = redis.call('HMGET', 'worker:' .. worker, 'state', 'slots')
    if about[1] == 'ready' then slots = slots + (tonumber(about[2] or 0) or 0) end
  end
  return slots
end

-- Jobs that wait before a newcomer of this class.
local function jobs_ahead(priority)
  local ahead = 0
  for _, class in ipairs({ 'urgent', 'high', 'normal', 'low' }) do
    ahead = ahead + redis.call('ZCARD', 'wait:' .. class)
    if class == priority then return ahead end
  end
  return ahead
end

-- Ms until a job starts that has so many before it, at the measured pace; -1 if unknown.
local function wait_ms(ahead, now)
  local slots, mean = living_slots(now), tonumber(redis.call('HGET', 'pace', 'mean_ms') or 0)
  if slots == 0 or mean == 0 then return -1 end
  local turns = ahead + 1 - math.max(0, slots - redis.call('ZCARD', 'leases'))
  return math.max(0, math.ceil(turns * mean / slots))
end

-- Count a request against a sliding window, right for any number of gateways.
-- Returns: allowed, requests left, ms until the next place is free. A name counts once.
local function count_request(key, limit, window, name, now)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', int(now - window))
  local count = redis.call('ZCARD', key)
  local allowed = redis.call('ZSCORE', key, name) and true or false
  if not allowed and count < limit then
    redis.call('ZADD', key, int(now), name)
    redis.call('PEXPIRE', key, window)
    allowed, count = true, count + 1
  end
  local oldest = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  local wait = oldest[2] and (tonumber(oldest[2]) + window - now) or 0
  return allowed, math.max(0, limit - count), wait
end
