#!lua flags=allow-oom
-- Purpose: store the next tokens of a running job and tell those who follow it.
-- ARGV: 1 id, 2 token, 3 offset (tokens before this chunk), 4 count, 5 text, 6 ids 'id,id',
--   7 lengths 'n,n' (characters of text a token released), 8 sum of log-probabilities
--   or '', 9 decode ms, 10 log-probabilities (common/logprobs.py) or ''.
-- Returns: {'ok', tokens stored} or {'ok', tokens stored, 'followed'} | {'lost', 0}. Fewer stored
--   than the caller has sent means that it resends from there; a chunk that is already stored is
--   skipped. 'followed': somebody reads the tokens as they come.

local id = ARGV[1]
local job = running_job(id)
if job.status ~= 'in_progress' or job.token ~= ARGV[2] then return { 'lost', 0 } end
local stored = append_chunk(id, job, chunk_from(3), now_ms())
return { 'ok', stored, job.followed and 'followed' or nil }
