-- Shared: who is told of what. Costs one EXISTS where nobody is.

-- Endpoints of a user as receivers, if they are enabled.
local function hook_endpoint(endpoint)
  local about = redis.call('HMGET', 'endpoint:' .. endpoint, 'enabled', 'events', 'url',
    'include_result')
  if about[1] ~= '1' then return nil end
  return { endpoint = endpoint, events = about[2], url = about[3], lane = endpoint,
    include_result = about[4] == '1' }
end

-- A user is gone: what is on its way to their endpoints ends when it comes up.
local function forget_endpoints(user)
  for _, endpoint in ipairs(redis.call('ZRANGE', 'endpoints:' .. user, 0, -1)) do
    redis.call('DEL', 'endpoint:' .. endpoint)
  end
  redis.call('DEL', 'endpoints:' .. user, 'whsec:' .. user)
end

-- The URL that came with the job itself, as a receiver; a job ends even if it cannot be read.
local function hook_of_record(record)
  local readable, hook = pcall(cjson.decode, record.webhook or '')
  if not readable or type(hook) ~= 'table' or type(hook.url) ~= 'string' then return nil end
  local events = type(hook.events) == 'table' and table.concat(hook.events, ' ') or ''
  local host = string.match(hook.url, '^%a+://([^/?#]*)') or ''
  return { endpoint = '', events = events, url = hook.url, lane = record.user .. '@' .. host,
    include_result = hook.include_result == true }
end

-- Write the deliveries of an event; a repeated call writes none twice.
-- ``record`` is a job's (its facts are read again, so the new state must be written), or has
-- user, webhook, api and ``facts``, a JSON object. ``occurrence`` tells two events of the same
-- type apart. A line of a batch tells only its own URL: the batch speaks for all.
local function outbox_event(id, record, event, now)
  local own = record.webhook or ''
  if own == '' and redis.call('EXISTS', 'endpoints:' .. record.user) == 0 then return end
  if not record.facts then record = read_job(id) or record end
  event = hook_event(record, event)
  if not event then return end

  local receivers = {}
  receivers[1] = hook_of_record(record)
  if (record.batch or '') == '' then
    for _, endpoint in ipairs(redis.call('ZRANGE', 'endpoints:' .. record.user, 0, -1)) do
      receivers[#receivers + 1] = hook_endpoint(endpoint)
    end
  end
  for _, to in ipairs(receivers) do
    if hook_wanted(to.events, event) then
      local delivery = hook_id(id, event .. (record.occurrence or ''), to.endpoint)
      write_hook(delivery, id, record, event, now, to)
    end
  end
end
