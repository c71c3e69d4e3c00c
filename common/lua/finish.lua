#!lua flags=allow-oom
-- Purpose: write the last tokens and the terminal state of a job, once.
-- ARGV: 1 id, 2 token, 3..10 the last chunk as in append, 11 status, 12.. record fields.
-- Returns: {'ok', tokens} | {'resend', tokens stored} | {'lost', 0}
-- A repeated call gets the same answer.

local id, token, now = ARGV[1], ARGV[2], now_ms()
local job = read_job(id)
if not job then return { 'lost', 0 } end
if TERMINAL[job.status] and job.finished_by == token then
  return { 'ok', number_of(job, 'tokens') }
end
if job.status ~= 'in_progress' or job.token ~= token then return { 'lost', 0 } end

local chunk, events = chunk_from(3), {}
local stored = append_chunk(id, job, chunk, now, events)
tell(events)
if stored ~= chunk.offset + chunk.count then return { 'resend', stored } end

local fields = { 'finished_by', token }
for i = 12, #ARGV do fields[#fields + 1] = ARGV[i] end
settle(id, job, ARGV[11], now, fields)
if ARGV[11] == 'completed' then
  local took, mean = run_ms(job, now), tonumber(redis.call('HGET', 'pace', 'mean_ms') or 0)
  if mean == 0 then mean = took end
  local usual = tonumber(redis.call('HGET', 'pace', 'mean_tokens') or stored)
  redis.call('HSET', 'pace', 'mean_ms', int(0.8 * mean + 0.2 * took),
    'mean_tokens', int(math.ceil(0.8 * usual + 0.2 * stored)))
end
return { 'ok', stored }
