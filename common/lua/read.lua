#!lua flags=no-writes
-- Purpose: read one job as its owner sees it, with its place in the queue.
-- ARGV: 1 id.
-- Returns: {record, jobs ahead or -1, mean run ms, slots of living workers,
--   ms until it starts or -1, owner of a tombstone or ''}

local id = ARGV[1]
local flat = redis.call('HGETALL', 'job:' .. id)
local ahead, gone = -1, ''
if #flat == 0 then gone = redis.call('GET', 'gone:' .. id) or '' end
if #flat == 0 and gone == '' then flat, ahead = unfed_line(id) end
local job = redis.call('HMGET', 'job:' .. id, 'status', 'priority', 'user', 'weight',
  'prompt_tokens')
if job[1] == 'queued' then
  ahead = ahead_of(id,
    { priority = job[2], user = job[3], weight = job[4], prompt_tokens = job[5] })
end
local now = now_ms()
local start_in = ahead < 0 and -1 or wait_ms(ahead, now)
return { flat, ahead, mean_run_ms(), living_slots(now), start_in, gone }
