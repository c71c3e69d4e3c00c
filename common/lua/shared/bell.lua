-- Shared: the doorbell of a delivery, as Celery's own publisher would send it.
-- Its task takes no arguments, since the task's id says which delivery: the body never changes.

-- [[], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]
local NO_ARGUMENTS = 'W1tdLCB7fSwgeyJjYWxsYmFja3MiOiBudWxsLCAiZXJyYmFja3MiOiBudWxsLCAiY2hhaW4i'
  .. 'OiBudWxsLCAiY2hvcmQiOiBudWxsfV0='

-- ``tag`` must be unique among the messages; ``about`` is what Flower shows as arguments.
local function hook_bell(id, tag, about)
  local none = cjson.null
  return cjson.encode({
    body = NO_ARGUMENTS,
    ['content-type'] = 'application/json',
    ['content-encoding'] = 'utf-8',
    headers = {
      lang = 'py', task = 'deliver', id = id, root_id = id, parent_id = none, group = none,
      group_index = none, shadow = none, eta = none, expires = none, retries = 0,
      timelimit = { none, none }, argsrepr = about, kwargsrepr = '{}', origin = 'outbox',
      ignore_result = true, replaced_task_nesting = 0, stamped_headers = none, stamps = {},
    },
    properties = {
      correlation_id = id, reply_to = '', delivery_mode = 2, priority = 0,
      delivery_info = { exchange = '', routing_key = 'q.webhooks' },
      body_encoding = 'base64', delivery_tag = tag,
    },
  })
end
