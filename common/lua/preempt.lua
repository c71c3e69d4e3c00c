#!lua flags=allow-oom
-- Purpose: ask for slots while others wait for one (shared/room.lua).
-- Returns: ids of the jobs whose slots were asked for.

return make_room(now_ms())
