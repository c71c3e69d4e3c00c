#!lua flags=allow-oom
-- Purpose: ask for the slots of the youngest low jobs while others wait for one: any low job's
--   while urgent or high ones wait, that of a line of a batch while normal ones do, too.
-- The workers give these jobs back without blame; they go on later where they stopped.
-- A line is asked a few times at most, so that it ends even where others never stop coming.
-- Returns: ids of the jobs whose slots were asked for.

local ASKED_OF_A_LINE = 8
local now, asked = now_ms(), {}
local running = redis.call('ZRANGE', 'leases', 0, -1)
local wanted = redis.call('ZCARD', 'wait:urgent') + redis.call('ZCARD', 'wait:high')
local wanted_of_lines = wanted + redis.call('ZCARD', 'wait:normal')
if wanted_of_lines == 0 then return asked end
local free = math.max(0, living_slots(now) - #running)
wanted, wanted_of_lines = wanted - free, wanted_of_lines - free
if wanted_of_lines <= 0 then return asked end

local young = {}
for _, id in ipairs(running) do
  local job = redis.call('HMGET', 'job:' .. id, 'priority', 'token', 'claimed_ms', 'asked_back',
    'batch', 'made_room')
  local line = job[5] and job[5] ~= ''
  if job[1] == 'low' and job[4] == job[2] then
    wanted, wanted_of_lines = wanted - 1, wanted_of_lines - 1
  elseif job[1] == 'low' and not (line and tonumber(job[6] or 0) >= ASKED_OF_A_LINE) then
    young[#young + 1] = { id = id, token = job[2], claimed = tonumber(job[3]), line = line }
  end
end
table.sort(young, function(a, b)
  if a.line ~= b.line then return a.line == true end
  if a.claimed == b.claimed then return a.id > b.id end
  return a.claimed > b.claimed
end)
for _, job in ipairs(young) do
  if wanted > 0 or (job.line and wanted_of_lines > 0) then
    wanted, wanted_of_lines = wanted - 1, wanted_of_lines - 1
    redis.call('HSET', 'job:' .. job.id, 'asked_back', job.token)
    if job.line then redis.call('HINCRBY', 'job:' .. job.id, 'made_room', 1) end
    redis.call('PUBLISH', 'orders', 'release ' .. job.token)
    asked[#asked + 1] = job.id
  end
end
return asked
