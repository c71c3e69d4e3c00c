"""Who is let in, and when to come back: decisions without effects."""

import math
from dataclasses import dataclass

from common.queues import Priority

#: Seconds to wait where the pace of the service is not known yet.
DEFAULT_RETRY_SECONDS = 5
#: The OpenAI SDK does not wait longer than this.
MAX_RETRY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast jobs leave: mean run time in ms (0: unknown) on so many living slots."""

    mean_ms: int = 0
    slots: int = 0

    def seconds_for(self, jobs: int) -> float | None:
        """Seconds until so many running jobs have made room; None where nobody knows."""
        if not self.mean_ms or not self.slots:
            return None
        return jobs * self.mean_ms / self.slots / 1000


def class_limit(max_queue_size: int, priority: Priority) -> int:
    """How many jobs may wait in all when one of this priority is still let in."""
    return max(1, math.floor(max_queue_size * priority.share + 1e-9))


def seconds_until_room(waiting: int, limit: int, pace: Pace) -> int:
    """The Retry-After of a full queue: when enough waiting jobs will have started."""
    seconds = pace.seconds_for(max(1, waiting - limit + 1))
    if seconds is None:
        return DEFAULT_RETRY_SECONDS
    return min(MAX_RETRY_SECONDS, max(1, math.ceil(seconds)))


@dataclass(frozen=True, slots=True)
class Window:
    """A limit over any 60 s: ``left`` of ``limit``, and ms until the next are free."""

    policy: str
    limit: int
    left: int
    wait_ms: int


def rate_headers(*windows: Window) -> dict[str, str]:
    """``RateLimit`` and its policies (draft-ietf-httpapi-ratelimit-headers)."""
    return {
        "RateLimit-Policy": ", ".join(f'"{one.policy}";q={one.limit};w=60' for one in windows),
        "RateLimit": ", ".join(
            f'"{one.policy}";r={one.left};t={math.ceil(one.wait_ms / 1000)}' for one in windows
        ),
    }
