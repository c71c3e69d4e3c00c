"""Follows a job: what is stored first, then what is heard, each token once.

The number of tokens known so far is all that a follower remembers: resume, replay and
de-duplication are comparisons of that one number. How it is shown is for others to say.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from redis.exceptions import RedisError

from api.jobs import Jobs
from api.problems import JobGone, JobNotFound
from api.views import Snapshot
from api.waiter import Hears, Waiter
from api.watch import Watcher
from common.events import Chunk, tail_of
from common.job import JobStatus

#: Seconds between two looks at a store that is away.
RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds of silence after which a follower says so, and of an outage that it endures."""

    keepalive_seconds: float
    outage_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Moved:
    """The first sight of the job, and whenever its status or its place in the queue changed.

    ``offset`` tokens were known by then.
    """

    snapshot: Snapshot
    offset: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The job has ended; nothing comes after this."""

    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Lost:
    """The job cannot be followed any longer; nothing comes after this."""

    code: str
    message: str


class Silence:
    """Nothing has happened for a while."""


Told = Moved | Chunk | Ended | Lost | Silence


class Follower:
    """One client's eye on one job; ``offset`` tokens are known to the client already."""

    def __init__(
        self,
        jobs: Jobs,
        watcher: Watcher,
        patience: Patience,
        user: str,
        job_id: str,
        offset: int = 0,
    ) -> None:
        self._jobs = jobs
        self._watcher = watcher
        self._patience = patience
        self._user = user
        self._job_id = job_id
        self.offset = offset
        self._begun = False
        self._shown: tuple[str, int] | None = None
        self._outage_began: float | None = None

    async def events(self) -> AsyncGenerator[Told]:
        """Until the job has ended; a Chunk begins where the one before it ended."""
        silence = self._patience.keepalive_seconds
        with self._watcher.watch(self._job_id, Hears.ALL) as waiter:
            last, over = time.monotonic(), False
            while not over:
                told = await self._step(waiter, last + silence)
                over = bool(told) and isinstance(told[-1], (Ended, Lost))
                if not told and time.monotonic() - last >= silence:
                    told = [Silence()]
                while told:  # a stream may be silent for long: it keeps nothing that was told
                    yield told.pop(0)
                    last = time.monotonic()

    async def _step(self, waiter: Waiter, keepalive_at: float) -> list[Told]:
        if waiter.stale:
            return await self._heal(waiter)
        told: list[Told] = []
        for event in await waiter.heard(keepalive_at - time.monotonic()):
            if not isinstance(event, Chunk) or event.after > self.offset != event.offset:
                waiter.spoil()  # a change of state, a gap, or a chunk that must be cut
                break
            if event.offset == self.offset:
                told += self._take(event)
        return told

    def _take(self, chunk: Chunk) -> list[Told]:
        self.offset = chunk.after
        return [chunk] if chunk.tokens else []

    async def _heal(self, waiter: Waiter) -> list[Told]:
        """Read the store and say what is new; keep on through an outage."""
        waiter.settle()
        try:
            if not self._begun:
                await self._jobs.follow(self._job_id)
            seen = await self._jobs.read_after(self._user, self._job_id, self.offset)
        except RedisError:
            waiter.spoil()
            return await self._endure()
        except (JobGone, JobNotFound) as problem:
            return [Lost(problem.code, str(problem.detail))]
        self._outage_began = None
        waiter.shows_place = seen[0].job.status is JobStatus.QUEUED
        return self._tell(*seen)

    def _tell(self, snapshot: Snapshot, chunks: list[Chunk]) -> list[Told]:
        job = snapshot.job
        if not self._begun:
            self._begun, self.offset = True, min(self.offset, job.tokens)
        told = self._place(snapshot)
        for chunk in chunks:
            told += self._take(chunk)
        if job.status.terminal:
            told += self._take(tail_of(job, self.offset))
            told.append(Ended(snapshot))
        return told

    def _place(self, snapshot: Snapshot) -> list[Told]:
        place = (snapshot.job.status.value, snapshot.ahead)
        if place == self._shown or (self._shown and snapshot.job.status.terminal):
            return []
        self._shown = place
        return [Moved(snapshot, self.offset)]

    async def _endure(self) -> list[Told]:
        now = time.monotonic()
        self._outage_began = self._outage_began or now
        if now - self._outage_began >= self._patience.outage_seconds:
            return [Lost("redis-unavailable", "The job store is away: resume later.")]
        await asyncio.sleep(RETRY_SECONDS)
        return []
