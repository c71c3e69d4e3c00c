#!lua
-- Purpose: count a request against a sliding window.
-- ARGV: 1 key, 2 requests allowed, 3 window in ms, 4 a unique name for this request.
-- Returns: {allowed 0|1, requests left, ms until the next place is free}
-- A repeated call with the same name counts once.

local allowed, left, wait =
  count_request(ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], now_ms())
return { allowed and 1 or 0, left, wait }
