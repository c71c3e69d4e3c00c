#!lua flags=no-writes
-- Purpose: count the whole service once, for Prometheus (common/census.py).
-- ARGV: none.
-- Returns: JSON {waiting: {priority: {count, oldest_ms, eta_ms}}, running, dead,
--   backlog: {count, oldest_ms}, hooks: {count, overdue_ms}, workers: {'role|state': count},
--   redis: {used_bytes, max_bytes, persistence_ok}, meters: {field: number}}; ages in ms.

local now = now_ms()

local function oldest_ms(key)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return first[2] and math.max(0, now - tonumber(first[2])) or 0
end

-- As wait_ms, but with one slot where there is none: what waits for nobody waits, too.
local function eta_ms(ahead)
  local slots = math.max(1, living_slots(now))
  local mean = tonumber(redis.call('HGET', 'pace', 'mean_ms') or 0)
  local turns = ahead + 1 - math.max(0, slots - redis.call('ZCARD', 'leases'))
  return math.max(0, math.ceil(turns * mean / slots))
end

local waiting = {}
for _, class in ipairs({ 'urgent', 'high', 'normal', 'low' }) do
  waiting[class] = { count = redis.call('ZCARD', 'wait:' .. class),
    oldest_ms = oldest_ms('wait:' .. class), eta_ms = eta_ms(jobs_ahead(class)) }
end

-- Since when the first doorbell in the queue of deliveries asks for one that is due.
local function overdue_ms()
  local front = redis.call('LINDEX', 'q.webhooks', -1)
  local ok, bell = pcall(cjson.decode, front or '')
  if not ok or not bell.headers then return 0 end
  local hook = redis.call('HMGET', 'hook:' .. bell.headers.id, 'status', 'due_ms')
  return hook[1] == 'pending' and math.max(0, now - tonumber(hook[2])) or 0
end

local workers = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'workers', int(now - ALIVE_MS), '+inf')) do
  local about = redis.call('HMGET', 'worker:' .. id, 'kind', 'state')
  if about[1] and about[2] then
    local name = about[1] .. '|' .. about[2]
    workers[name] = (workers[name] or 0) + 1
  end
end

local info = redis.call('INFO', 'memory') .. redis.call('INFO', 'persistence')
local function about_redis(field)
  return string.match(info, '\n' .. field .. ':([^\r\n]*)')
end
local sound = true
for _, field in ipairs({ 'rdb_last_bgsave_status', 'aof_last_bgrewrite_status',
  'aof_last_write_status' }) do
  sound = sound and (about_redis(field) or 'ok') == 'ok'
end

local meters, flat = {}, redis.call('HGETALL', 'meters')
for i = 1, #flat, 2 do meters[flat[i]] = tonumber(flat[i + 1]) end

return cjson.encode({
  waiting = waiting, running = redis.call('ZCARD', 'leases'), dead = redis.call('ZCARD', 'dead'),
  backlog = { count = redis.call('ZCARD', 'batch:backlog'), oldest_ms = oldest_ms('batch:backlog') },
  hooks = { count = redis.call('ZCARD', 'hooks'), overdue_ms = overdue_ms() },
  workers = workers, meters = meters,
  redis = { used_bytes = tonumber(about_redis('used_memory') or 0),
    max_bytes = tonumber(about_redis('maxmemory') or 0), persistence_ok = sound },
})
