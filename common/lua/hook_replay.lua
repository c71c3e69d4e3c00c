#!lua
-- Purpose: send an ended delivery again, now, with a schedule of its own and the same id.
-- ARGV: 1 delivery id, 2 user, 3 a nonce of this call.
-- Returns: {'ok', delivery id} | {'unknown'} | {'pending', status}: it has not ended
--   | {'disabled'}: its endpoint is. A repeated call gets the same answer.

local id, now = ARGV[1], now_ms()
local key, hook = 'hook:' .. id, read_hook(id)
if not hook or hook.user ~= ARGV[2] then return { 'unknown' } end
if hook.replayed_by == ARGV[3] then return { 'ok', id } end
if hook.status == 'pending' or hook.status == 'sending' then return { 'pending', hook.status } end
if hook.endpoint ~= '' then
  local to = hook_endpoint(hook.endpoint)
  if not to then return { 'disabled' } end
  redis.call('HSET', key, 'url', to.url)
end
redis.call('PERSIST', key)
redis.call('PERSIST', key .. ':tries')
redis.call('HDEL', key, 'next')
redis.call('HSET', key, 'status', 'pending', 'due_ms', int(now), 'failures', '0', 'error', '',
  'interrupted', '0', 'completed_ms', '0', 'after', '', 'replayed_by', ARGV[3])
hook.due_ms = int(now)
call_hook(id, hook, now, false)
return { 'ok', id }
