#!lua flags=allow-oom
-- Purpose: end a batch whose input is not what it should be; none of its lines has run.
-- ARGV: 1 batch, 2 lease of the feeder, 3 the errors as JSON.
-- Returns: 1, or 0 if the lease is lost or the batch was stopped. Safe to repeat.

local batch = read_batch(ARGV[1])
if not batch or not feeds(ARGV[2]) or batch.status ~= 'validating' then return 0 end
redis.call('HSET', 'batch:' .. ARGV[1], 'errors', ARGV[3])
close_batch(ARGV[1], batch, 'failed', now_ms())
return 1
