-- Shared by every script: the clock and the record.
-- Keys are those of common/keys.py; they are built here because one primary holds them all.

local TERMINAL = { completed = true, failed = true, cancelled = true, expired = true }

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Numbers are written as integers: Lua would print large ones as 1.7e+12.
local function int(number)
  return string.format('%d', number)
end

-- The record as a table, or nil.
local function read_job(id)
  local flat = redis.call('HGETALL', 'job:' .. id)
  if #flat == 0 then return nil end
  local job = {}
  for i = 1, #flat, 2 do job[flat[i]] = flat[i + 1] end
  return job
end

local function number_of(job, field)
  return tonumber(job[field] or 0) or 0
end

-- ``record`` is the whole job, flat, for who waits for its end: or nil.
local function publish_state(id, status, revision, record)
  redis.call('PUBLISH', 'events',
    cjson.encode({ id = id, status = status, revision = revision, record = record }))
end
