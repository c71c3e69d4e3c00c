#!lua
-- Purpose: accept a job durably and ring for it, or say why not; safe to repeat.
-- ARGV: 1 id, 2 user, 3 priority, 4 idempotency key or '', 5 body digest,
--   6 waiting jobs allowed to this class, 7 unfinished jobs allowed to this user,
--   8 deadline in ms from now or 0, 9 queue ttl in ms, 10 tokens that the job may use at most,
--   11 requests allowed in a minute, 12 when the caller's token was issued (s) or 0,
--   13 tokens allowed in a minute or 0 for any number, 14 a name of this request, which counts
--   once in the rate, 15 the token's session or '', 16 the user who is an administrator without
--   a record, 17 the roles that may submit, 18 '1': make room for it at once, 19.. record fields.
-- The user's own limits, where the record of the user has any, win over 7, 11 and 13.
-- Returns: {answer, job id, requests left, ms until the next is free, have, limit,
--   requests allowed in a minute, tokens left, ms until some are free, tokens allowed,
--   mean run ms, slots of living workers}; answer is
--   'created' (jobs before it, ms until it starts or -1; and at the end when it was created)
--   | 'replayed' (same key, same body) | 'mismatch' (same key, other body)
--   | 'exists' (id taken) | 'gone' (its job has expired) | 'queue_full' | 'user_full' (have of limit)
--   | 'deadline_unmeetable' (ms until it could start, of ms allowed) | 'rate_limited'
--   | 'budget_spent' (have of limit, in billionths of a dollar)
--   | 'tokens_spent' (ms until this job's are free, or -1 if never; limit)
--   | 'revoked' | 'disabled' | 'unknown' | 'forbidden' (instead of the job id: the user's role)

local MINUTE_MS = 60 * 1000
local id, user, priority, idempotency, digest = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local key, now, new = 'job:' .. id, now_ms(), fields_from(19)

local own = allowance(user)
local rate_limit, issued = own.rate or tonumber(ARGV[11]), tonumber(ARGV[12])

local why, role = refused(user, own, { issued = issued, session = ARGV[15] }, ARGV[16], ARGV[17])
if why then return { why, role or id, 0, 0, 0, 0, rate_limit } end
local allowed, left, wait = count_request('rate:' .. user, rate_limit, MINUTE_MS, ARGV[14], now)

local wanted, tokens = tonumber(ARGV[10]), tokens_of(user, own, tonumber(ARGV[13]), now)

local function answer(word, about, have, limit)
  local spare, spare_in, allotted = tokens_left(tokens, now)
  return { word, about, left, wait, have or 0, limit or 0, rate_limit, spare, spare_in, allotted,
    mean_run_ms(), living_slots(now) }
end

if not allowed then return answer('rate_limited', id) end
if idempotency ~= '' then
  local known = redis.call('HMGET', idempotency, 'id', 'digest')
  if known[1] and known[2] ~= digest then return answer('mismatch', known[1]) end
  if known[1] and redis.call('EXISTS', 'job:' .. known[1]) == 1 then
    wait_for(known[1], new, now)
    return answer(known[1] == id and 'created' or 'replayed', known[1])
  elseif known[1] then
    return answer('gone', known[1])
  end
end
if redis.call('EXISTS', key) == 1 then
  local same = redis.call('HMGET', key, 'user', 'digest')
  return answer((same[1] == user and same[2] == digest) and 'replayed' or 'exists', id)
end
local adopted = adopt(new, now)
if adopted then return answer('replayed', adopted) end
local buried = redis.call('GET', 'gone:' .. id)
if buried then return answer(buried == user and 'gone' or 'exists', id) end

local broke, spent, budget = over_budget(user, now)
if broke then return answer('budget_spent', id, spent, budget) end
local waiting = jobs_ahead('low')
local class_limit, user_limit = tonumber(ARGV[6]), own.jobs or tonumber(ARGV[7])
if waiting >= class_limit then return answer('queue_full', id, waiting, class_limit) end
local unfinished = redis.call('SCARD', 'active:' .. user)
if unfinished >= user_limit then return answer('user_full', id, unfinished, user_limit) end

local tokens_in = ms_until_free(tokens, wanted, now)
if tokens_in ~= 0 then return answer('tokens_spent', id, tokens_in, tokens.limit) end

local allowed_ms, ahead = tonumber(ARGV[8]), ahead_of_new(priority, user, wanted)
local could_start_in = wait_ms(ahead, now)
if allowed_ms > 0 and could_start_in > allowed_ms then
  return answer('deadline_unmeetable', id, could_start_in, allowed_ms)
end

redis.call('HSET', key, 'user', user, 'digest', digest, 'eta_ms', int(could_start_in),
  'weight', ARGV[10], unpack(ARGV, 19))
reserve_tokens(tokens, user, id, wanted, now)
wait_for(id, new, now)
remember_call(id, new, now)
if idempotency ~= '' then
  redis.call('HSET', key, 'idempotency', idempotency)
  redis.call('HSET', idempotency, 'id', id, 'digest', digest)
end
enqueue(id, user, priority, now, { queue_ttl_ms = ARGV[9], deadline_ms = allowed_ms })
if ARGV[18] == '1' then make_room(now) end
local created = answer('created', id, ahead, could_start_in)
created[#created + 1] = now
return created
