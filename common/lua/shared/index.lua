-- Shared: the lists of a user's jobs. One holds all; each job is in one more, that of its
-- phase ('active', or the status that ended it), priority and kind, so that a filtered page
-- is read from its lists and nothing else.

local LISTED_MS = 22 * 24 * 3600 * 1000

local function list_of(job, phase)
  return table.concat({ 'jobs', job.user, phase, job.priority, job.kind }, ':')
end

local function put_on(list, id, created, now)
  redis.call('ZREMRANGEBYSCORE', list, '-inf', int(now - LISTED_MS))
  redis.call('ZADD', list, created, id)
  redis.call('PEXPIRE', list, LISTED_MS)
end

-- List a new job, whose kind is in its record.
local function list_job(id, user, priority, now)
  local kind = redis.call('HGET', 'job:' .. id, 'kind') or ''
  put_on('jobs:' .. user, id, int(now), now)
  put_on(list_of({ user = user, priority = priority, kind = kind }, 'active'), id, int(now), now)
end

-- List a job under the status that ended it.
local function relist(id, job, status, now)
  redis.call('ZREM', list_of(job, 'active'), id)
  put_on(list_of(job, status), id, job.created_ms, now)
end

-- Take an ended job off all lists.
local function unlist(id, job)
  redis.call('ZREM', 'jobs:' .. job.user, id)
  redis.call('ZREM', list_of(job, job.status), id)
end
