#!lua flags=no-writes
-- Purpose: read one job as its owner sees it, with its place in the queue.
-- ARGV: 1 id.
-- Returns: {record, jobs ahead or -1, mean run ms, slots of living workers, owner of a tombstone or ''}

local id = ARGV[1]
local flat = redis.call('HGETALL', 'job:' .. id)
local ahead, gone = -1, ''
if #flat == 0 then gone = redis.call('GET', 'gone:' .. id) or '' end
local state = redis.call('HMGET', 'job:' .. id, 'status', 'priority')
if state[1] == 'queued' then
  ahead = redis.call('ZRANK', 'wait:' .. state[2], id) or 0
  for _, class in ipairs({ 'urgent', 'high', 'normal', 'low' }) do
    if class == state[2] then break end
    ahead = ahead + redis.call('ZCARD', 'wait:' .. class)
  end
end
local slots = 0
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', 'workers', int(now_ms() - 15000), '+inf')) do
  local about = redis.call('HMGET', 'worker:' .. worker, 'state', 'slots')
  if about[1] == 'ready' then slots = slots + (tonumber(about[2] or 0) or 0) end
end
return { flat, ahead, tonumber(redis.call('HGET', 'pace', 'mean_ms') or 0), slots, gone }
