"""How the service did in the last minutes, from the slices that settle() counts into.

A slice is PULSE_SECONDS long and counts how jobs ended, their tokens, and in logarithmic
buckets how long they took: eight between a number and its double, so that a percentile is
within 5 % of the truth. It lives in Redis: restarts of gateway and workers lose nothing.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from redis.asyncio import Redis

from common import account_keys
from common.account_keys import PULSE_SECONDS
from common.job import JobStatus

#: Minutes of the windows of /status.
WINDOWS = (1, 5, 15)
#: Minutes of /status/history.
HISTORY_MINUTES = 60
#: What is timed: its name in a slice, and to clients.
TIMED = {"wait": "queue_wait_ms", "first": "time_to_first_token_ms", "total": "total_ms"}

_PERCENTILES = (50, 95, 99)
_ENDED = [status.value for status in JobStatus if status.terminal]
#: Seconds for which a reading is good enough.
_FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Pulse:
    """What ended in some slices: counts, and for each timed thing bucket -> jobs."""

    counts: Counter[str] = field(default_factory=Counter)
    buckets: Mapping[str, Counter[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, slices: Iterable[Mapping[str, str]]) -> Self:
        """Add up slices as they are stored."""
        counts: Counter[str] = Counter()
        buckets: dict[str, Counter[int]] = {name: Counter() for name in TIMED}
        for raw in slices:
            for name, amount in raw.items():
                what, _, bucket = name.partition("|")
                if bucket:
                    buckets[what][int(bucket)] += int(amount)
                else:
                    counts[what] += int(amount)
        return cls(counts, buckets)

    def view(self, seconds: float) -> dict[str, Any]:
        """Counts, rates and percentiles; ``seconds`` is the time that the slices cover."""
        ended = {name: self.counts[name] for name in _ENDED}
        return {
            "seconds": round(seconds, 1),
            "jobs": ended,
            "jobs_per_minute": round(sum(ended.values()) * 60 / seconds, 2),
            "tokens_per_second": round(self.counts["tokens"] / seconds, 2),
            "latency": {
                shown: percentiles(self.buckets.get(name, Counter()))
                for name, shown in TIMED.items()
            },
        }


def percentiles(buckets: Mapping[int, int]) -> dict[str, int | None]:
    """p50, p95 and p99 in ms, and of how many jobs; None where there were none."""
    total, passed = sum(buckets.values()), 0
    found: dict[str, int | None] = {f"p{p}": None for p in _PERCENTILES}
    for bucket in sorted(buckets):
        passed += buckets[bucket]
        for p in _PERCENTILES:
            if found[f"p{p}"] is None and passed * 100 >= total * p:
                found[f"p{p}"] = round(2 ** ((bucket + 0.5) / 8))
    return {**found, "count": total}


class PulseReader:
    """Reads the last hour, once a second at most."""

    def __init__(self, redis: Redis, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._clock = clock
        self._reading = asyncio.Lock()
        self._read_at = float("-inf")
        self._now = 0.0
        self._slices: Sequence[Mapping[str, str]] = ()

    async def windows(self) -> list[dict[str, Any]]:
        """The windows of /status; each covers up to a slice more. Raises redis.RedisError."""
        await self._refresh()
        return [{"minutes": minutes, **self._view(minutes)} for minutes in WINDOWS]

    async def history(self) -> list[dict[str, Any]]:
        """The last hour a minute at a time, oldest first. Raises redis.RedisError."""
        await self._refresh()
        per_minute = 60 // PULSE_SECONDS
        current = int(self._now // PULSE_SECONDS)
        parts: dict[int, list[Mapping[str, str]]] = {}
        for age, raw in enumerate(self._slices):
            parts.setdefault((current - age) // per_minute, []).append(raw)
        return [
            {"at": _moment(minute), **Pulse.of(parts[minute]).view(60.0)}
            for minute in sorted(parts)[-HISTORY_MINUTES:]
        ]

    def _view(self, minutes: int) -> dict[str, Any]:
        whole = minutes * 60 // PULSE_SECONDS
        covered = whole * PULSE_SECONDS + self._now % PULSE_SECONDS
        return Pulse.of(self._slices[: whole + 1]).view(covered)

    async def _refresh(self) -> None:
        async with self._reading:
            if self._clock() - self._read_at < _FRESH_SECONDS:
                return
            seconds, micros = await self._redis.time()
            current = int(seconds // PULSE_SECONDS)
            pipe = self._redis.pipeline(transaction=False)
            for age in range(HISTORY_MINUTES * 60 // PULSE_SECONDS + 1):
                pipe.hgetall(account_keys.pulse(current - age))
            self._slices = await pipe.execute()
            self._now = seconds + micros / 1e6
            self._read_at = self._clock()


def _moment(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)
