-- Shared: how fast jobs leave, and so when a waiting one should start.

local ALIVE_MS = 15 * 1000
-- A script asks more than once; between two of its steps no worker comes or goes.
local slots_seen

-- Slots of the workers that take jobs right now.
local function living_slots(now)
  if slots_seen then return slots_seen end
  local slots = 0
  for _, worker in ipairs(redis.call('ZRANGEBYSCORE', 'workers', int(now - ALIVE_MS), '+inf')) do
    local about = redis.call('HMGET', 'worker:' .. worker, 'state', 'slots')
    if about[1] == 'ready' then slots = slots + (tonumber(about[2] or 0) or 0) end
  end
  slots_seen = slots
  return slots
end

-- Jobs that wait before a newcomer of this class.
local function jobs_ahead(priority)
  local ahead = 0
  for _, class in ipairs({ 'urgent', 'high', 'normal', 'low' }) do
    ahead = ahead + redis.call('ZCARD', 'wait:' .. class)
    if class == priority then return ahead end
  end
  return ahead
end

-- How long jobs run; 0 if nobody knows.
local function mean_run_ms()
  return tonumber(redis.call('HGET', 'pace', 'mean_ms') or 0)
end

-- Ms until a job starts that has so many before it, at the measured pace; -1 if unknown.
local function wait_ms(ahead, now)
  local slots, mean = living_slots(now), mean_run_ms()
  if slots == 0 or mean == 0 then return -1 end
  local turns = ahead + 1 - math.max(0, slots - redis.call('ZCARD', 'leases'))
  return math.max(0, math.ceil(turns * mean / slots))
end
