#!lua flags=allow-oom
-- Purpose: end an unfinished job because somebody no longer wants it.
-- ARGV: 1 id, 2 user ('' for any), 3 a nonce of this call.
-- Returns: {'ok'} | {'unknown'} | {'ended', status}. A repeated call answers 'ok' again.

local id, user, nonce = ARGV[1], ARGV[2], ARGV[3]
local job = read_job(id)
if not job or (user ~= '' and job.user ~= user) then return { 'unknown' } end
if job.status == 'cancelled' and job.cancel_nonce == nonce then return { 'ok' } end
if TERMINAL[job.status] then return { 'ended', job.status } end
settle(id, job, 'cancelled', now_ms(), { 'finish_reason', 'cancelled', 'cancel_nonce', nonce })
return { 'ok' }
