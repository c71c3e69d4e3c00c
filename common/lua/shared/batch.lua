-- Shared: what a batch knows of its lines.
-- A line is a job whose record names its `batch` and `line`; its id is {batch}_{line}.

local BATCH_KEPT_MS = 30 * 24 * 3600 * 1000
local ENDED_AS = { completed = 'completed', cancelled = 'cancelled', failed = 'failed',
  expired = 'failed' }

local function read_batch(id)
  local flat = redis.call('HGETALL', 'batch:' .. id)
  if #flat == 0 then return nil end
  local batch = {}
  for i = 1, #flat, 2 do batch[flat[i]] = flat[i + 1] end
  return batch
end

-- Whoever waits for the batch reads it again; to the gateways it is an id like a job's.
local function publish_batch(id)
  publish_state(id, 'in_progress', redis.call('HINCRBY', 'batch:' .. id, 'revision', 1))
end

-- Count the end of line ``n`` once, and put it in the row of those to be written out.
-- ``entry`` is what the output file is made from: the line, or why it was never a job.
local function count_line(id, counter, entry, now)
  local key = 'batch:' .. id
  redis.call('RPUSH', key .. ':ended', entry)
  redis.call('HINCRBY', key, counter, 1)
  local batch = redis.call('HMGET', key, 'status', 'total', 'completed', 'failed', 'cancelled')
  local ended = (tonumber(batch[3] or 0) or 0) + (tonumber(batch[4] or 0) or 0)
    + (tonumber(batch[5] or 0) or 0)
  if batch[1] == 'in_progress' and ended == tonumber(batch[2]) then
    redis.call('HSET', key, 'status', 'finalizing', 'finalizing_ms', int(now))
  end
end

-- A line has ended: settle() says so, once. Its record stays until its result is written out.
local function line_ended(id, job, status, now)
  local key = 'batch:' .. (job.batch or '')
  if not job.batch or redis.call('EXISTS', key) == 0 then return end
  redis.call('PERSIST', 'job:' .. id)
  redis.call('SREM', key .. ':open', id)
  if number_of(job, 'started_ms') > 0 then
    redis.call('HINCRBY', key, 'prompt_tokens', int(number_of(job, 'prompt_tokens')))
    redis.call('HINCRBY', key, 'tokens', redis.call('HGET', 'job:' .. id, 'tokens') or 0)
  end
  count_line(job.batch, ENDED_AS[status], job.line, now)
  publish_batch(job.batch)
end

-- Bring a batch to its terminal state, once and for all.
local function close_batch(id, batch, status, now)
  local key = 'batch:' .. id
  redis.call('HSET', key, 'status', status, 'ended_ms', int(now))
  local facts = { object = 'batch', status = status, request_counts = {
    total = number_of(batch, 'total'), completed = number_of(batch, 'completed'),
    failed = number_of(batch, 'failed'), cancelled = number_of(batch, 'cancelled') } }
  outbox_event(id, { user = batch.user, webhook = batch.webhook, api = batch.api,
    facts = cjson.encode(facts) }, 'batch.' .. status, now)
  redis.call('ZREM', 'batches', id)
  redis.call('SREM', 'batches:' .. batch.user .. ':open', id)
  redis.call('DEL', key .. ':ended', key .. ':open')
  redis.call('PEXPIRE', key, BATCH_KEPT_MS)
  if batch.idempotency and batch.idempotency ~= '' then
    redis.call('PEXPIRE', batch.idempotency, 24 * 3600 * 1000)
  end
  publish_batch(id)
end

-- Whether the caller holds the feeder's lease.
local function feeds(token)
  return redis.call('GET', 'batch:feeder') == token
end

-- The record of a line that is not a job yet, and how many lines come before it in its batch.
local function unfed_line(id)
  local name, line = string.match(id, '^(batch_%w+)_(%d+)$')
  local batch = name and read_batch(name)
  if not batch or tonumber(line) >= number_of(batch, 'total')
    or tonumber(line) < number_of(batch, 'fed') then return {}, -1 end
  return { 'id', id, 'user', batch.user, 'kind', batch.kind, 'priority', batch.priority,
    'status', 'queued', 'created_ms', batch.created_ms, 'enqueued_ms', batch.created_ms,
    'revision', '0', 'work', '{"prompt": {"text": ""}, "sampling": {"stop": []}}',
    'batch', name, 'line', line }, tonumber(line) - number_of(batch, 'fed')
end
