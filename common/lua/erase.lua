#!lua flags=allow-oom
-- Purpose: forget an ended job and its text; its tombstone stays, so that its id and its
--   Idempotency-Key make no other job. What webhooks have yet to tell is told without text.
-- ARGV: 1 id, 2 user.
-- Returns: {'ok'} | {'unfinished', status} | {'unknown'}. A repeated call answers 'ok' again.

local id, user = ARGV[1], ARGV[2]
local job = read_job(id)
if not job then return { redis.call('GET', 'gone:' .. id) == user and 'ok' or 'unknown' } end
if job.user ~= user then return { 'unknown' } end
if not TERMINAL[job.status] then return { 'unfinished', job.status } end
redis.call('DEL', 'job:' .. id, 'ev:' .. id)
redis.call('ZREM', 'dead', id)
unlist(id, job)
for _, delivery in ipairs(redis.call('ZRANGE', 'hooks:of:' .. id, 0, -1)) do
  local facts = redis.call('HGET', 'hook:' .. delivery, 'facts')
  if facts then
    local kept = cjson.decode(facts)
    kept.text = nil
    redis.call('HSET', 'hook:' .. delivery, 'facts', cjson.encode(kept))
  end
end
return { 'ok' }
