-- Shared: the trail of a job, from which GET /jobs/{id}/timeline tells its attempts.
-- One step is 'what|ms|who or why;'. A job that is given back forever stops leaving one.

local TRAIL_BYTES = 4000

-- Note that an attempt began ('start') or was taken from its worker ('back').
local function leave_trail(id, job, what, at, detail)
  local trail = job.trail or ''
  if #trail >= TRAIL_BYTES then return end
  local name = string.gsub(detail or '', '[|;]', ' ')
  redis.call('HSET', 'job:' .. id, 'trail', trail .. what .. '|' .. int(at) .. '|' .. name .. ';')
end
