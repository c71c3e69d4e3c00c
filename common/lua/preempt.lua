#!lua flags=allow-oom
-- Purpose: ask for the slots of the youngest low jobs while urgent or high ones wait for one.
-- The workers give these jobs back without blame; they go on later where they stopped.
-- Returns: ids of the jobs whose slots were asked for.

local now, asked = now_ms(), {}
local wanted = redis.call('ZCARD', 'wait:urgent') + redis.call('ZCARD', 'wait:high')
local running = redis.call('ZRANGE', 'leases', 0, -1)
wanted = wanted - math.max(0, living_slots(now) - #running)
if wanted <= 0 then return asked end

local young = {}
for _, id in ipairs(running) do
  local job = redis.call('HMGET', 'job:' .. id, 'priority', 'token', 'claimed_ms', 'asked_back')
  if job[1] == 'low' and job[4] == job[2] then
    wanted = wanted - 1
  elseif job[1] == 'low' then
    young[#young + 1] = { id = id, token = job[2], claimed = tonumber(job[3]) }
  end
end
table.sort(young, function(a, b)
  if a.claimed == b.claimed then return a.id > b.id end
  return a.claimed > b.claimed
end)
for i = 1, math.min(wanted, #young) do
  redis.call('HSET', 'job:' .. young[i].id, 'asked_back', young[i].token)
  redis.call('PUBLISH', 'orders', 'release ' .. young[i].token)
  asked[i] = young[i].id
end
return asked
