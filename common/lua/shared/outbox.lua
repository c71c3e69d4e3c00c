-- Shared: the outbox. A delivery is written in the same step as the state that it tells of,
-- and its first attempt is rung for at once.

local HOOKS_LISTED_MS, HOOK_SUCCEEDED_MS = 7 * 24 * 3600 * 1000, 24 * 3600 * 1000
-- A longer text is left out of the body, which receivers expect to be small.
local HOOK_TEXT_BYTES = 16 * 1024
-- What a body tells of a job; its record may be gone when the last attempt is made.
local HOOK_FACTS = { 'kind', 'status', 'created_ms', 'started_ms', 'completed_ms', 'prompt_tokens',
  'cached_tokens', 'tokens', 'cost_nano', 'finish_reason', 'error_code', 'error_message',
  'metadata' }
-- Jobs made through /v1/responses tell of responses, which do not start.
local RESPONSE_EVENTS = { ['job.completed'] = 'response.completed', ['job.failed'] =
  'response.failed', ['job.expired'] = 'response.failed', ['job.cancelled'] = 'response.cancelled' }

local function hook_event(record, event)
  if record.api ~= 'responses' then return event end
  if event == 'job.completed' and record.finish_reason == 'length' then
    return 'response.incomplete'
  end
  return RESPONSE_EVENTS[event]
end

-- ``filter`` is a list of events in one text; an empty one is all but job.started.
local function hook_wanted(filter, event)
  if (filter or '') == '' then return event ~= 'job.started' end
  return string.find(' ' .. filter .. ' ', ' ' .. event .. ' ', 1, true) ~= nil
end

local function hook_id(subject, event, endpoint)
  return 'whd_' .. string.sub(redis.sha1hex(subject .. '|' .. event .. '|' .. endpoint), 1, 32)
end

-- End a delivery: nothing more is sent, and its row is forgotten after a while.
local function end_hook(id, hook, status, now, why)
  local key, kept = 'hook:' .. id, HOOKS_LISTED_MS
  if status == 'succeeded' then kept = HOOK_SUCCEEDED_MS end
  redis.call('ZREM', 'hooks', id)
  redis.call('ZREM', 'lane:' .. hook.lane .. ':held', id)
  redis.call('ZREM', 'lane:' .. hook.lane .. ':busy', id)
  redis.call('HSET', key, 'status', status, 'completed_ms', int(now), 'error', why or '')
  redis.call('HDEL', key, 'token', 'worker')
  redis.call('PEXPIRE', key, kept)
  redis.call('PEXPIRE', key .. ':tries', kept)
end

-- A job's end makes the news of its start old: it is cancelled, or, while it is being sent,
-- waited for. Returns what to wait for.
local function overtake(subject, event, id, endpoint, now)
  if event == 'job.started' then return '' end
  local started = hook_id(subject, 'job.started', endpoint)
  local hook = redis.call('HMGET', 'hook:' .. started, 'status', 'lane')
  if hook[1] == 'pending' then
    end_hook(started, { lane = hook[2] }, 'cancelled', now, 'The job had ended.')
  elseif hook[1] == 'sending' then
    redis.call('HSET', 'hook:' .. started, 'next', id)
    return started
  end
  return ''
end

local function hook_facts(record, to)
  if record.facts then return record.facts end
  local facts = {}
  for _, name in ipairs(HOOK_FACTS) do
    if (record[name] or '') ~= '' then facts[name] = record[name] end
  end
  local text = record.text or ''
  if to.include_result and #text <= HOOK_TEXT_BYTES then facts.text = text end
  return cjson.encode(facts)
end

local function index_hook(key, id, now)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', int(now - HOOKS_LISTED_MS))
  redis.call('ZADD', key, int(now), id)
  redis.call('PEXPIRE', key, HOOKS_LISTED_MS)
end

-- Write a delivery and ring for it. ``to`` has endpoint, url, lane and include_result.
local function write_hook(id, subject, record, event, now, to)
  local key, moment = 'hook:' .. id, record.occurrence or ''
  if redis.call('EXISTS', key) == 1 then return end
  local after = overtake(subject, event, id, to.endpoint, now)
  local openai = record.api == 'responses' or record.api == 'batches'
  local message = string.sub(redis.sha1hex(subject .. '|' .. event .. '|' .. moment), 1, 32)
  redis.call('HSET', key, 'id', id, 'event_id', 'evt_' .. message, 'user', record.user,
    'subject', subject, 'event', event, 'format', openai and 'openai' or '',
    'endpoint', to.endpoint, 'url', to.url, 'lane', to.lane, 'status', 'pending',
    'include_result', to.include_result and '1' or '0', 'created_ms', int(now),
    'due_ms', int(now), 'after', after, 'traceparent', record.traceparent or '', 'facts', hook_facts(record, to))
  index_hook('hooks:user:' .. record.user, id, now)
  index_hook('hooks:of:' .. subject, id, now)
  if to.endpoint ~= '' then index_hook('hooks:to:' .. to.endpoint, id, now) end
  if after == '' then
    call_hook(id, { event = event, subject = subject, lane = to.lane, due_ms = now }, now, false)
  else
    redis.call('ZADD', 'hooks', int(now + HOOK_LOOK_MS), id)
  end
end
