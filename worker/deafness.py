"""Whether a worker has stopped hearing doorbells: its process lives, and its consumer does not."""

import time
from collections.abc import Callable

from redis import Redis
from redis.exceptions import RedisError

from common.queues import Priority

#: So long may jobs wait beside free slots.
DEAF_SECONDS = 60.0


class Deafness:
    """Whether work waits for this worker and it does not hear.

    ``waits``: how much waits, though it has room for more; asked with every probe. ``what``
    that is, in the plural.
    """

    def __init__(self, waits: Callable[[], int], limit_seconds: float, what: str = "jobs") -> None:
        self._what = what
        self._waits = waits
        self._limit = limit_seconds
        self._heard = 0
        self._since: tuple[float, int] | None = None  # when it began, and what was heard then

    def hear(self) -> None:
        """A doorbell was answered."""
        self._heard += 1

    def why_dead(self) -> str:
        """Jobs have waited beside free slots since an earlier probe, and no bell was heard."""
        waiting, now = self._waits(), time.monotonic()
        if not waiting:
            self._since = None
        elif self._since is None or self._since[1] != self._heard:
            self._since = (now, self._heard)
        elif now - self._since[0] > self._limit:
            return f"{waiting} {self._what} wait beside free slots; none was taken for {self._limit:.0f} s"
        return ""


def bells_waiting(redis: Redis, queue: str) -> int:
    """Doorbells that nobody has taken from a queue; 0 while Redis is away."""
    try:
        return int(redis.llen(queue))
    except RedisError:
        return 0


def long_waiting(redis: Redis, seconds: float) -> int:
    """Jobs that entered their queue so long ago; 0 while Redis is away."""
    try:
        now = redis.time()[0]
        pipe = redis.pipeline(transaction=False)
        for priority in Priority:
            pipe.zcount(priority.waiting, "-inf", (now - seconds) * 1000)
        return sum(pipe.execute())
    except RedisError:
        return 0
