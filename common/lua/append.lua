#!lua flags=allow-oom
-- Purpose: store the next tokens of a running job and tell those who follow it.
-- ARGV: 1 id, 2 token, 3 offset (tokens before this chunk), 4 count, 5 text, 6 ids 'id,id',
--   7 lengths 'n,n' (characters of text a token released), 8 sum of log-probabilities
--   or '', 9 decode ms, 10 log-probabilities (common/logprobs.py) or ''.
-- Returns: {'ok', tokens stored} or {'ok', tokens stored, 'followed'} | {'lost', 0}. Fewer stored
--   than the caller has sent means that it resends from there; a chunk that is already stored is
--   skipped. 'followed': somebody reads the tokens as they come.

local events = {}
local answer = append_at(1, now_ms(), events)
tell(events)
return answer
