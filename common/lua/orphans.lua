#!lua flags=allow-oom
-- Purpose: ring again for the waiting jobs of a class whose bell is lost, and for those given
--   back whose time has come; ring for whoever's turn it is; and find the jobs that stand in
--   no row, because an older version accepted them or a key was lost.
-- ARGV: 1 class, 2 jobs at most in each of these.
-- Returns: ids that it rang for again.

local class, most, now = ARGV[1], tonumber(ARGV[2]), now_ms()
local bells, queue, waiting = 'fair:' .. class .. ':bells', 'q.' .. class, 'wait:' .. class

-- The jobs whose bell stands in the queue; nil where it is too long to be read: its bells are
-- of an older version then, and all there.
local function standing()
  if redis.call('LLEN', queue) > 10 * most then return nil end
  local ids = {}
  for _, message in ipairs(redis.call('LRANGE', queue, 0, -1)) do
    ids[named_in(message) or ''] = true
  end
  return ids
end

local there, again = standing(), {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', bells, '-inf', int(now), 'LIMIT', 0, int(most))) do
  local job = redis.call('HMGET', 'job:' .. id, 'status', 'kind', 'enqueued_ms')
  if job[1] ~= 'queued' then
    redis.call('ZREM', bells, id)
  elseif there and there[id] then
    redis.call('ZADD', bells, int(now + ANSWER_MS), id)
  else
    again[#again + 1] = { id = id, kind = job[2], enqueued = tonumber(job[3] or 0) }
  end
end
table.sort(again, function(a, b) return a.enqueued > b.enqueued end)
for i, job in ipairs(again) do
  ring(job.id, class, job.kind, now, true)
  again[i] = job.id
end

-- Go on behind the last job that was looked at, from the oldest to the newest and round again.
local function next_waiting()
  local from = tonumber(redis.call('GET', 'fair:' .. class .. ':cursor') or 0)
  local ids = redis.call('ZRANGE', waiting, int(from), int(from + most - 1))
  local upto = #ids < most and 0 or from + most
  redis.call('SET', 'fair:' .. class .. ':cursor', int(upto))
  return ids
end

if there and redis.call('EXISTS', waiting) == 1 then
  for _, id in ipairs(next_waiting()) do
    local job = redis.call('HMGET', 'job:' .. id, 'status', 'user', 'enqueued_ms')
    if job[1] ~= 'queued' then
      redis.call('ZREM', waiting, id)
    elseif not redis.call('ZSCORE', bells, id) and not there[id]
      and not redis.call('ZSCORE', row_of(class, job[2]), id) then
      wait_for_turn(id, class, job[2], job[3], now)
    end
  end
end
fill(class, room_for_bells(now), now)
return again
