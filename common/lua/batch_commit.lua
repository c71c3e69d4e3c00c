#!lua flags=allow-oom
-- Purpose: note that results stand in the output files, let their records expire, and end the
--   batch with its last one.
-- ARGV: 1 batch, 2 lease of the feeder, 3 results written before, 4 results written now,
--   5 bytes of the output file, 6 bytes of the error file, 7 ms to keep the records.
-- Returns: the batch's status, '' if the lease is lost. A repeated call changes nothing.

local id, now, count = ARGV[1], now_ms(), tonumber(ARGV[4])
local key, batch = 'batch:' .. id, read_batch(id)
if not batch or not feeds(ARGV[2]) then return '' end
if number_of(batch, 'written') ~= tonumber(ARGV[3]) or not redis.call('ZSCORE', 'batches', id) then
  return batch.status
end
if count > 0 then
  for _, entry in ipairs(redis.call('LRANGE', key .. ':ended', 0, count - 1)) do
    local line = 'job:' .. id .. '_' .. entry
    if tonumber(entry) and redis.call('PEXPIRE', line, ARGV[7]) == 1 then
      redis.call('HSET', line, 'expires_ms', int(now + tonumber(ARGV[7])))
    end
  end
  redis.call('LTRIM', key .. ':ended', count, -1)
end
local written = number_of(batch, 'written') + count
redis.call('HSET', key, 'written', int(written), 'output_bytes', ARGV[5], 'error_bytes', ARGV[6])
for file, bytes in pairs({ [batch.output_file_id] = ARGV[5], [batch.error_file_id] = ARGV[6] }) do
  if redis.call('EXISTS', 'file:' .. file) == 1 then redis.call('HSET', 'file:' .. file, 'bytes', bytes) end
end
local becomes = ({ finalizing = 'completed', cancelling = 'cancelled', expiring = 'expired' })[batch.status]
if becomes and written == number_of(batch, 'total') then
  close_batch(id, batch, becomes, now)
  return becomes
end
return batch.status
