#!lua flags=allow-oom
-- Purpose: one page of a user's jobs, newest first, merged from the lists that hold them.
-- ARGV: 1 user, 2 jobs at most, 3 the id after which it begins or '', 4 status or '', 5.. lists
-- Returns: {'ok', 1 if there are more else 0, ids...} | {'unknown'} if 3 is not listed.
-- Jobs whose record has expired are taken off their lists.

local limit, after, wanted = tonumber(ARGV[2]), ARGV[3], ARGV[4]
local from = '+inf'
if after ~= '' then
  from = redis.call('ZSCORE', 'jobs:' .. ARGV[1], after)
  if not from then return { 'unknown' } end
end

-- The head of a list is its newest job that has not been looked at; nil at its end.
local function advance(list)
  repeat
    list.at = list.at + 1
    if not list.page[2 * list.at - 1] then
      list.page = redis.call('ZREVRANGEBYSCORE', list.key, from, '-inf', 'WITHSCORES',
        'LIMIT', list.read, limit + 1)
      list.read, list.at = list.read + limit + 1, 1
    end
    list.id, list.created = list.page[2 * list.at - 1], tonumber(list.page[2 * list.at])
  until not list.id or list.created ~= tonumber(from) or list.id < after
end

local lists = {}
for i = 5, #ARGV do
  lists[#lists + 1] = { key = ARGV[i], page = {}, at = 0, read = 0 }
  advance(lists[#lists])
end

local function newest()
  local best
  for _, list in ipairs(lists) do
    if list.id and (not best or list.created > best.created
      or (list.created == best.created and list.id > best.id)) then best = list end
  end
  return best
end

local found, gone, list = {}, {}, newest()
while list and #found <= limit do
  local status = redis.call('HGET', 'job:' .. list.id, 'status')
  if not status then gone[#gone + 1] = { list.key, list.id }
  elseif wanted == '' or status == wanted then found[#found + 1] = list.id end
  advance(list)
  list = newest()
end
for _, entry in ipairs(gone) do
  redis.call('ZREM', entry[1], entry[2])
  redis.call('ZREM', 'jobs:' .. ARGV[1], entry[2])
end

local more = #found > limit
if more then table.remove(found) end
return { 'ok', more and 1 or 0, unpack(found) }
