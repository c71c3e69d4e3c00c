#!lua flags=allow-oom
-- Purpose: run no further line of a batch, because somebody no longer wants it or its time is
--   over; what has ended stays. The feeder then writes down the lines that never ran.
-- ARGV: 1 batch, 2 user ('' for any), 3 'cancelling' | 'expiring', 4 a nonce of this call.
-- Returns: {'ok'} | {'unknown'} | {'ended', status}. A repeated call answers 'ok' again.

local id, now = ARGV[1], now_ms()
local key, batch = 'batch:' .. id, read_batch(id)
if not batch or (ARGV[2] ~= '' and batch.user ~= ARGV[2]) then return { 'unknown' } end
if batch.stopped_by == ARGV[4] or batch.status == 'cancelling' or batch.status == 'expiring' then
  return { 'ok' }
end
if not redis.call('ZSCORE', 'batches', id) then return { 'ended', batch.status } end
redis.call('HSET', key, 'status', ARGV[3], ARGV[3] .. '_ms', int(now), 'stopped_by', ARGV[4])
for _, line in ipairs(redis.call('SMEMBERS', key .. ':open')) do
  local job = read_job(line)
  if job and not TERMINAL[job.status] then
    if ARGV[3] == 'cancelling' then
      settle(line, job, 'cancelled', now, { 'finish_reason', 'cancelled',
        'error_code', 'batch_cancelled', 'error_message', 'The batch was cancelled.' })
    else
      settle(line, job, 'expired', now, { 'error_code', 'batch_expired',
        'error_message', 'The batch expired before this request had ended.' })
    end
  end
end
publish_batch(id)
return { 'ok' }
