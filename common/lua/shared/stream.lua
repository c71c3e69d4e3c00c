-- Shared: the stream of a running job, and what remains of it in the record.

-- The text, ids, piece lengths and log-probabilities of a stream, joined.
local function compact(id)
  local text, ids, lengths, logprobs = {}, {}, {}, {}
  for i, entry in ipairs(redis.call('XRANGE', 'ev:' .. id, '-', '+')) do
    for j = 1, #entry[2], 2 do
      local field, value = entry[2][j], entry[2][j + 1]
      if field == 'text' then text[i] = value
      elseif field == 'ids' then ids[i] = value
      elseif field == 'lengths' then lengths[i] = value
      elseif field == 'logprobs' then logprobs[#logprobs + 1] = value end
    end
  end
  return table.concat(text), table.concat(ids, ','), table.concat(lengths, ','),
    table.concat(logprobs, ',')
end

-- Three printable characters an id instead of six, for ids below 2^18; see Job.token_ids.
local function pack(ids)
  return (string.gsub(ids, '(%d+),?', function(id)
    return string.char(48 + id / 4096 % 64, 48 + id / 64 % 64, 48 + id % 64)
  end))
end

-- Of a record, what append_chunk needs: a record has a prompt, too, and is read with every step.
local STEP_FIELDS = { 'status', 'token', 'tokens', 'logprob_sum', 'decode_ms', 'first_token_ms',
  'followed' }

local function running_job(id)
  local job = {}
  for i, value in ipairs(redis.call('HMGET', 'job:' .. id, unpack(STEP_FIELDS))) do
    job[STEP_FIELDS[i]] = value or nil
  end
  return job
end

-- Append a chunk to the stream if it is the next one, and put what is to be told of it last in
-- ``events`` if somebody follows the job. Returns the tokens stored; the caller compares them with
-- what it has.
local function append_chunk(id, job, chunk, now, events)
  local stored = number_of(job, 'tokens')
  if chunk.count == 0 or chunk.offset ~= stored then return stored end
  local after = int(stored + chunk.count)
  local entry = { 'text', chunk.text, 'ids', chunk.ids, 'lengths', chunk.lengths }
  if chunk.logprobs ~= '' then entry[7], entry[8] = 'logprobs', chunk.logprobs end
  redis.call('XADD', 'ev:' .. id, after .. '-0', unpack(entry))
  local facts = { 'tokens', after, 'decode_ms', int(number_of(job, 'decode_ms') + chunk.decode_ms),
    'first_token_ms', job.first_token_ms or int(now) }
  if chunk.logprob_sum ~= '' then
    local sum = number_of(job, 'logprob_sum') + tonumber(chunk.logprob_sum)
    facts[7], facts[8] = 'logprob_sum', string.format('%.17g', sum)
  end
  redis.call('HSET', 'job:' .. id, unpack(facts))
  if job.followed then
    local event = { id = id, offset = stored, tokens = chunk.count, text = chunk.text,
      lengths = chunk.lengths }
    if chunk.logprobs ~= '' then event.logprobs = chunk.logprobs end
    events[#events + 1] = event
  end
  return tonumber(after)
end

-- Tell of what was appended in one message: an event, or a list of several.
local function tell(events)
  if #events == 0 then return end
  redis.call('PUBLISH', 'events', cjson.encode(#events == 1 and events[1] or events))
end

-- ARGV[from ..]: offset, count, text, ids, lengths, logprob_sum, decode_ms, logprobs.
local function chunk_from(from)
  return {
    offset = tonumber(ARGV[from]), count = tonumber(ARGV[from + 1]), text = ARGV[from + 2],
    ids = ARGV[from + 3], lengths = ARGV[from + 4], logprob_sum = ARGV[from + 5],
    decode_ms = tonumber(ARGV[from + 6]), logprobs = ARGV[from + 7] or '',
  }
end

-- ARGV[at ..]: id, token, a chunk. Stores the chunk of a running job; append's answer.
local function append_at(at, now, events)
  local id = ARGV[at]
  local job = running_job(id)
  if job.status ~= 'in_progress' or job.token ~= ARGV[at + 1] then return { 'lost', 0 } end
  local stored = append_chunk(id, job, chunk_from(at + 2), now, events)
  return { 'ok', stored, job.followed and 'followed' or nil }
end
