-- Shared: room for those who wait. Low jobs make it, the youngest first: any while urgent or high
-- ones wait, a line of a batch while normal ones do, too. And where the next job is of a user who
-- has no slot, one who has several gives one up. The workers give these jobs back without blame.
-- A job is asked a few times at most, so that it ends even where others never stop coming.

local ASKED_OF_A_LINE, ASKED_FOR_A_USER = 8, 3
local RANK = { urgent = 1, high = 2, normal = 3, low = 4 }

-- The jobs that have a slot.
local function running_jobs()
  local running = {}
  for i, id in ipairs(redis.call('ZRANGE', 'leases', 0, -1)) do
    local job = redis.call('HMGET', 'job:' .. id, 'priority', 'token', 'claimed_ms', 'asked_back',
      'batch', 'made_room', 'user')
    running[i] = { id = id, priority = job[1], token = job[2], claimed = tonumber(job[3] or 0),
      leaves = job[4] and job[4] == job[2], line = (job[5] or '') ~= '',
      times = tonumber(job[6] or 0), user = job[7] }
  end
  return running
end

-- ``yields`` '1': it goes to its user's row then, not to the front.
local function ask_back(job, yields, asked)
  redis.call('HSET', 'job:' .. job.id, 'asked_back', job.token, 'yields', yields)
  redis.call('PUBLISH', 'orders', 'release ' .. job.token)
  job.leaves = true
  asked[#asked + 1] = job.id
end

local function younger(a, b)
  if a.claimed == b.claimed then return a.id > b.id end
  return a.claimed > b.claimed
end

local function room_for_higher_classes(running, free, asked)
  local wanted = redis.call('ZCARD', 'wait:urgent') + redis.call('ZCARD', 'wait:high')
  local wanted_of_lines = wanted + redis.call('ZCARD', 'wait:normal')
  if wanted_of_lines == 0 then return end
  wanted, wanted_of_lines = wanted - free, wanted_of_lines - free
  local young = {}
  for _, job in ipairs(running) do
    if job.priority == 'low' and job.leaves then
      wanted, wanted_of_lines = wanted - 1, wanted_of_lines - 1
    elseif job.priority == 'low' and not (job.line and job.times >= ASKED_OF_A_LINE) then
      young[#young + 1] = job
    end
  end
  table.sort(young, function(a, b)
    if a.line ~= b.line then return a.line end
    return younger(a, b)
  end)
  for _, job in ipairs(young) do
    if wanted > 0 or (job.line and wanted_of_lines > 0) then
      wanted, wanted_of_lines = wanted - 1, wanted_of_lines - 1
      if job.line then redis.call('HINCRBY', 'job:' .. job.id, 'made_room', 1) end
      ask_back(job, '0', asked)
    end
  end
end

-- The job that the next free slot takes: its user, and the rank of its class.
local function next_in_line()
  for rank, class in ipairs(CLASSES) do
    local id = named_in(redis.call('LINDEX', 'q.' .. class, -1) or '')
    local job = id and redis.call('HMGET', 'job:' .. id, 'status', 'user')
    if job and job[1] == 'queued' then return job[2], rank end
  end
end

local function room_for_another_user(running, free, asked)
  local user, rank = next_in_line()
  if not user or free > 0 then return end
  local slots, youngest = {}, nil
  for _, job in ipairs(running) do
    if job.leaves or job.user == user then return end
    slots[job.user or ''] = (slots[job.user or ''] or 0) + 1
  end
  for _, job in ipairs(running) do
    local may = slots[job.user or ''] > 1 and RANK[job.priority] >= rank
      and job.times < ASKED_FOR_A_USER
    if may and (not youngest or slots[job.user] > slots[youngest.user]
      or (slots[job.user] == slots[youngest.user] and younger(job, youngest))) then
      youngest = job
    end
  end
  if not youngest then return end
  redis.call('HINCRBY', 'job:' .. youngest.id, 'made_room', 1)
  ask_back(youngest, '1', asked)
end

-- Ask for slots; the ids of the jobs that have them.
local function make_room(now)
  local asked = {}
  local free = math.max(0, living_slots(now) - redis.call('ZCARD', 'leases'))
  if jobs_ahead('low') <= free then return asked end
  local running = running_jobs()
  room_for_higher_classes(running, free, asked)
  room_for_another_user(running, free, asked)
  return asked
end
