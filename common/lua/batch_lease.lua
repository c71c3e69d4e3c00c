#!lua flags=allow-oom
-- Purpose: be the one gateway that feeds batches, or go on being it.
-- ARGV: 1 token of the gateway, 2 ms for which nobody else may.
-- Returns: 1 if this gateway feeds, 0 if another one does.

local holder = redis.call('GET', 'batch:feeder')
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', 'batch:feeder', ARGV[1], 'PX', ARGV[2])
return 1
