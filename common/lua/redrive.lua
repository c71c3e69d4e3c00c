#!lua
-- Purpose: try a dead letter once more, as a new job that is linked to the old one.
-- ARGV: 1 id of the dead job, 2 id of the new job, 3 priority, 4 queue ttl in ms,
--   5 timeout in ms.
-- Returns: {'created', id of the new job} | {'unknown'}. A repeated call gets the same answer.

local old, id, now = ARGV[1], ARGV[2], now_ms()
local dead = read_job(old)
if not dead then return { 'unknown' } end
if dead.redriven_to == id then return { 'created', id } end
if redis.call('ZREM', 'dead', old) == 0 then return { 'unknown' } end

local key = 'job:' .. id
for _, field in ipairs({ 'v', 'user', 'kind', 'work', 'weight', 'prompt_tokens', 'result_ttl_ms', 'digest',
  'on_disconnect', 'request_id', 'traceparent', 'metadata', 'api', 'asked', 'prices', 'webhook' }) do
  if dead[field] then redis.call('HSET', key, field, dead[field]) end
end
redis.call('HSET', 'job:' .. old, 'redriven_to', id)
redis.call('HSET', key, 'redriven_from', old, 'timeout_ms', ARGV[5])
enqueue(id, dead.user, ARGV[3], now, { queue_ttl_ms = ARGV[4] })
return { 'created', id }
