-- Shared: the message that rings for somebody, byte for byte what Celery's own publisher sends
-- but for the order of its members.

local DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
local AFTER_ID = '"], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'
-- The same in base64.
local AFTER_ID_64 = 'Il0sIHt9LCB7ImNhbGxiYWNrcyI6IG51bGwsICJlcnJiYWNrcyI6IG51bGwsICJjaGFpbiI6IG51bGws'
  .. 'ICJjaG9yZCI6IG51bGx9XQ=='
-- [[], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]
local NO_ARGUMENTS_64 = 'W1tdLCB7fSwgeyJjYWxsYmFja3MiOiBudWxsLCAiZXJyYmFja3MiOiBudWxsLCAiY2hhaW4i'
  .. 'OiBudWxsLCAiY2hvcmQiOiBudWxsfV0='

-- Body, task, id, root id, arguments as Flower shows them (JSON), origin, id, queue, tag.
local MESSAGE = '{"body": "%s", "content-type": "application/json", "content-encoding": "utf-8", '
  .. '"headers": {"lang": "py", "task": "%s", "id": "%s", "root_id": "%s", "parent_id": null, '
  .. '"group": null, "group_index": null, "shadow": null, "eta": null, "expires": null, '
  .. '"retries": 0, "timelimit": [null, null], "argsrepr": %s, "kwargsrepr": "{}", '
  .. '"origin": "%s", "ignore_result": true, "replaced_task_nesting": 0, '
  .. '"stamped_headers": null, "stamps": {}}, "properties": {"correlation_id": "%s", '
  .. '"reply_to": "", "delivery_mode": 2, "priority": 0, "delivery_info": {"exchange": "", '
  .. '"routing_key": "%s"}, "body_encoding": "base64", "delivery_tag": "%s"}}'

local function digit(number)
  local at = math.floor(number) % 64 + 1
  return string.sub(DIGITS, at, at)
end

-- RFC 4648, of ASCII.
local function base64(text)
  local out = {}
  for i = 1, #text, 3 do
    local a, b, c = string.byte(text, i, i + 2)
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    out[#out + 1] = digit(bits / 262144) .. digit(bits / 4096)
      .. (b and digit(bits / 64) or '=') .. (c and digit(bits) or '=')
  end
  return table.concat(out)
end

-- The id as a task's only argument. Those of our own jobs fill whole groups of three bytes.
local function id_as_argument(id)
  if #id % 3 == 0 then return base64('[["' .. id) .. AFTER_ID_64 end
  return base64('[["' .. id .. AFTER_ID)
end

-- The doorbell of a delivery. Its task takes no arguments: its id says which one. ``tag`` must
-- be unique among all messages; ``about`` is what Flower shows as arguments.
local function hook_bell(id, tag, about)
  return string.format(MESSAGE, NO_ARGUMENTS_64, 'deliver', id, id, cjson.encode(about), 'outbox',
    id, 'q.webhooks', tag)
end

-- The doorbell of a job.
local function job_bell(id, kind, class, tag)
  local about = string.format([["('%s', '%s', '%s')"]], kind or '', class, id)
  return string.format(MESSAGE, id_as_argument(id), 'generate', id, id, about, 'caravan', id,
    'q.' .. class, tag)
end
