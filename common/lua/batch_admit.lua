#!lua
-- Purpose: accept a batch durably, as one request of its user, or say why not; safe to repeat.
-- ARGV: 1 id, 2 user, 3 idempotency key or '', 4 body digest, 5 unfinished batches allowed,
--   6 requests allowed in a minute, 7 when the caller's token was issued (s) or 0,
--   8 ms until it expires, 9.. fields.
-- The user's own rate, where the record of the user has one, wins over 6.
-- Returns: as submit; answer is 'created' | 'replayed' | 'mismatch' | 'batches_full'
--   | 'budget_spent' | 'rate_limited' | 'revoked'

local id, user, idempotency, digest = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local key, now, index = 'batch:' .. id, now_ms(), 'batches:' .. user
local own = allowance(user)
local rate_limit = own.rate or tonumber(ARGV[6])
local revoked_before = tonumber(redis.call('GET', 'revoked:' .. user) or 0)
if own.disabled or (tonumber(ARGV[7]) > 0 and tonumber(ARGV[7]) < revoked_before) then
  return { 'revoked', id, 0, 0, 0, 0, rate_limit }
end
local allowed, left, wait = count_request('rate:' .. user, rate_limit, 60 * 1000, id, now)

local function answer(word, about, have, limit)
  return { word, about, left, wait, have or 0, limit or 0, rate_limit }
end

if not allowed then return answer('rate_limited', id) end
if idempotency ~= '' then
  local known = redis.call('HMGET', idempotency, 'id', 'digest')
  if known[1] and redis.call('EXISTS', 'batch:' .. known[1]) == 1 then
    if known[2] ~= digest then return answer('mismatch', known[1]) end
    return answer(known[1] == id and 'created' or 'replayed', known[1])
  end
end
if redis.call('EXISTS', key) == 1 then return answer('created', id) end
local broke, spent, budget = over_budget(user, now)
if broke then return answer('budget_spent', id, spent, budget) end
local open = redis.call('SCARD', index .. ':open')
if open >= tonumber(ARGV[5]) then return answer('batches_full', id, open, tonumber(ARGV[5])) end

redis.call('HSET', key, 'id', id, 'user', user, 'status', 'validating', 'idempotency', idempotency,
  'created_ms', int(now), 'expires_ms', int(now + tonumber(ARGV[8])), 'revision', '1',
  'total', '0', 'enrolled', '0', 'fed', '0', 'offset', '0', 'written', '0', unpack(ARGV, 9))
if idempotency ~= '' then redis.call('HSET', idempotency, 'id', id, 'digest', digest) end
redis.call('ZADD', 'batches', int(now), id)
redis.call('SADD', index .. ':open', id)
redis.call('ZREMRANGEBYSCORE', index, '-inf', int(now - BATCH_KEPT_MS))
redis.call('ZADD', index, int(now), id)
return answer('created', id)
