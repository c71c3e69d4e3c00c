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

-- Append a chunk to the stream if it is the next one.
-- Returns the tokens stored; the caller compares them with what it has.
local function append_chunk(id, job, chunk, now)
  local stored = number_of(job, 'tokens')
  if chunk.count == 0 or chunk.offset ~= stored then return stored end
  local after = stored + chunk.count
  local fields = { 'text', chunk.text, 'ids', chunk.ids, 'lengths', chunk.lengths }
  local event = { id = id, offset = stored, tokens = chunk.count, text = chunk.text,
    lengths = chunk.lengths }
  if chunk.logprobs ~= '' then
    fields[7], fields[8] = 'logprobs', chunk.logprobs
    event.logprobs = chunk.logprobs
  end
  redis.call('XADD', 'ev:' .. id, int(after) .. '-0', unpack(fields))
  local key = 'job:' .. id
  redis.call('HSET', key, 'tokens', int(after))
  if chunk.logprob_sum ~= '' then
    redis.call('HINCRBYFLOAT', key, 'logprob_sum', chunk.logprob_sum)
  end
  redis.call('HINCRBY', key, 'decode_ms', chunk.decode_ms)
  redis.call('HSETNX', key, 'first_token_ms', int(now))
  redis.call('PUBLISH', 'events', cjson.encode(event))
  return after
end

-- ARGV[from ..]: offset, count, text, ids, lengths, logprob_sum, decode_ms, logprobs.
local function chunk_from(from)
  return {
    offset = tonumber(ARGV[from]), count = tonumber(ARGV[from + 1]), text = ARGV[from + 2],
    ids = ARGV[from + 3], lengths = ARGV[from + 4], logprob_sum = ARGV[from + 5],
    decode_ms = ARGV[from + 6], logprobs = ARGV[from + 7] or '',
  }
end
