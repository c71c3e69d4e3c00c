#!lua
-- Purpose: enter the next lines of a batch in the queue and move its cursor past them, at once.
-- ARGV: 1 batch, 2 lease of the feeder, 3 the first of these lines, 4 where in the file the
--   line after them begins, in bytes; 5.. one JSON object a line, one of
--   {priority, queue_ttl_ms, deadline_ms (or 0), fields}: a job;
--   {fields, error_code, error_message}: a job that failed at once;
--   {entry, counter}: not even that, since the batch was stopped.
-- Returns: {the line to go on with, status}; {-1, status} if the lease is lost.
-- A repeated call, and one for a batch that was stopped meanwhile, changes nothing. Lines of
-- a user whose budget is spent, or whose account is disabled, fail.

local name, now = ARGV[1], now_ms()
local key, batch = 'batch:' .. name, read_batch(name)
if not batch or not feeds(ARGV[2]) then return { -1, batch and batch.status or '' } end
local first = number_of(batch, 'fed')
local broke, barred = over_budget(batch.user, now), allowance(batch.user).disabled
local stopped = batch.status ~= 'in_progress'
if first ~= tonumber(ARGV[3]) then return { first, batch.status } end

-- A record of its own, with the fields that the feeder prepared.
local function write_record(id, line, fields)
  redis.call('DEL', 'job:' .. id)
  redis.call('HSET', 'job:' .. id, 'user', batch.user, 'batch', name, 'line', int(line),
    unpack(fields))
  redis.call('SADD', key .. ':open', id)
end

local function refuse(id, fields)
  redis.call('HSET', 'job:' .. id, 'id', id, 'priority', batch.priority, 'status', 'queued',
    'revision', '0', 'created_ms', int(now), 'enqueued_ms', int(now))
  settle(id, read_job(id), 'failed', now, fields)
  redis.call('ZREM', 'dead', id)
end

for i = 5, #ARGV do
  if stopped == (cjson.decode(ARGV[i]).entry == nil) then return { first, batch.status } end
end
for i = 5, #ARGV do
  local line, given = first + i - 5, cjson.decode(ARGV[i])
  local id = name .. '_' .. int(line)
  redis.call('ZREM', 'batch:backlog', id)
  if given.entry then
    count_line(name, given.counter, given.entry, now)
  else
    write_record(id, line, given.fields)
    if barred then
      refuse(id, { 'error_code', 'account_disabled', 'error_message', 'The account is disabled.' })
    elseif broke then
      refuse(id, { 'error_code', 'budget', 'error_message', "This month's budget is spent." })
    elseif given.priority then
      enqueue(id, batch.user, given.priority, now, { queue_ttl_ms = given.queue_ttl_ms,
        deadline_ms = given.deadline_ms, batch = name })
    else
      refuse(id, { 'error_code', given.error_code, 'error_message', given.error_message })
    end
  end
end
redis.call('HSET', key, 'fed', int(first + #ARGV - 4), 'offset', ARGV[4])
publish_batch(name)
return { first + #ARGV - 4, batch.status }
