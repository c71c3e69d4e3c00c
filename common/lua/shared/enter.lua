-- Shared: how a new job enters its queue.

-- Put a new job in its queue; its other fields are in the record.
-- ``way`` has queue_ttl_ms and, where there is one, deadline_ms from now or batch.
local function enqueue(id, user, priority, now, way)
  local start_by = now + tonumber(way.queue_ttl_ms)
  if (way.deadline_ms or 0) > 0 then
    local deadline = now + way.deadline_ms
    redis.call('HSET', 'job:' .. id, 'deadline_ms', int(deadline))
    start_by = math.min(start_by, deadline)
  end
  redis.call('HSET', 'job:' .. id, 'id', id, 'priority', priority, 'status', 'queued',
    'revision', '1', 'created_ms', int(now), 'enqueued_ms', int(now), 'queued_ms', int(now),
    'queue_ttl_ms', way.queue_ttl_ms)
  redis.call('ZADD', 'wait:' .. priority, int(now), id)
  redis.call('ZADD', 'deadlines', int(start_by), id)
  if not way.batch then  -- the lines of a batch are one request, and listed by it
    list_job(id, user, priority, now)
    redis.call('SADD', 'active:' .. user, id)
  end
  wait_for_turn(id, priority, user, int(now), now)
  meter_accepted(id, priority)
  publish_state(id, 'queued', 1)
end
