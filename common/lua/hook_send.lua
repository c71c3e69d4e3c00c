#!lua
-- Purpose: send an event to one endpoint, whatever its filter: a test.
-- ARGV: 1 delivery id, 2 endpoint id, 3 user, 4 event, 5 facts (a JSON object).
-- Returns: {'ok', delivery id} | {'unknown'} | {'disabled'}. A repeated call sends once.

local endpoint, user = ARGV[2], ARGV[3]
if redis.call('HGET', 'endpoint:' .. endpoint, 'user') ~= user then return { 'unknown' } end
local to = hook_endpoint(endpoint)
if not to then return { 'disabled' } end
local record = { user = user, facts = ARGV[5], occurrence = ARGV[1] }
write_hook(ARGV[1], endpoint, record, ARGV[4], now_ms(), to)
return { 'ok', ARGV[1] }
