"""A job as server-sent events: what is stored first, then what is heard.

Every event's id is the number of tokens that came before it, stored or sent: resume,
replay and de-duplication are comparisons of that one number.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from api.jobs import Jobs
from api.problems import JobGone, JobNotFound
from api.views import Snapshot, job_view, queue_view, usage_view
from api.watch import Waiter, Watcher
from common.events import Chunk
from common.job import JobStatus

#: One line, no blank line after it: the OpenAI SDK's decoder, having once seen an ``id:``,
#: would make an event without data of a comment that ends a block.
KEEPALIVE = b": ka\n"
#: Seconds between two looks at the position of a waiting job.
TICK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How patient a stream is, and what its numbers cost."""

    keepalive_seconds: float
    price_per_1k_tokens: float
    outage_seconds: float = 60.0


def frame(event: str, data: Any, offset: int) -> bytes:
    """One event; its data is ASCII, since many clients split lines at U+2028 as well."""
    text = json.dumps(data, separators=(",", ":"))
    return f"id: {offset}\nevent: {event}\ndata: {text}\n\n".encode()


class JobStream:
    """One client's stream of one job; ``offset`` tokens are known to the client already."""

    def __init__(
        self,
        jobs: Jobs,
        watcher: Watcher,
        options: StreamOptions,
        user: str,
        job_id: str,
        offset: int,
    ) -> None:
        self._jobs = jobs
        self._watcher = watcher
        self._options = options
        self._user = user
        self._job_id = job_id
        self._offset = offset
        self._begun = False
        self._waiting = False
        self._shown: tuple[str, int] | None = None
        self._moves = -1
        self._outage_began: float | None = None
        self.ended = False

    async def frames(self) -> AsyncGenerator[bytes]:
        """Frames until the job has ended, with keep-alives in between."""
        with self._watcher.watch(self._job_id, chunks=True) as waiter:
            last = time.monotonic()
            while not self.ended:
                frames = await self._step(waiter, last + self._options.keepalive_seconds)
                if not frames and time.monotonic() - last >= self._options.keepalive_seconds:
                    frames = [KEEPALIVE]
                for one in frames:
                    yield one
                    last = time.monotonic()

    async def _step(self, waiter: Waiter, keepalive_at: float) -> list[bytes]:
        if waiter.stale:
            return await self._heal(waiter)
        patience = keepalive_at - time.monotonic()
        event = await waiter.next(min(patience, TICK_SECONDS) if self._waiting else patience)
        if isinstance(event, Chunk):
            return self._follow(event, waiter)
        if event is not None or (self._waiting and self._moves != self._watcher.moves):
            waiter.spoil()
        return []

    def _follow(self, chunk: Chunk, waiter: Waiter) -> list[bytes]:
        if chunk.offset == self._offset:
            return self._token(chunk.text, chunk.after)
        if chunk.after > self._offset:  # a gap, or a chunk that must be cut
            waiter.spoil()
        return []

    def _token(self, text: str, after: int) -> list[bytes]:
        tokens, self._offset = after - self._offset, after
        return [frame("token", {"text": text, "tokens": tokens}, after)] if text else []

    async def _heal(self, waiter: Waiter) -> list[bytes]:
        """Read the store and say what is new; keep the stream through an outage."""
        waiter.settle()
        self._moves = self._watcher.moves
        try:
            async with self._watcher.healing:
                seen = await self._jobs.read_after(self._user, self._job_id, self._offset)
        except RedisError:
            waiter.spoil()
            return await self._endure()
        except (JobGone, JobNotFound) as problem:
            return self._give_up(problem.code, str(problem.detail))
        self._outage_began = None
        return self._tell(*seen)

    def _tell(self, snapshot: Snapshot, chunks: list[Chunk]) -> list[bytes]:
        job = snapshot.job
        if not self._begun:
            self._begun, self._offset = True, min(self._offset, job.tokens)
        self._waiting = job.status is JobStatus.QUEUED
        frames = self._status(snapshot)
        for chunk in chunks:
            frames += self._token(chunk.text, chunk.after)
        if job.status.terminal:
            frames += self._token(job.text_after(self._offset), job.tokens)
            price = self._options.price_per_1k_tokens
            frames.append(frame("usage", usage_view(job, price), job.tokens))
            frames.append(frame("done", job_view(snapshot, price), job.tokens))
            self.ended = True
        return frames

    def _status(self, snapshot: Snapshot) -> list[bytes]:
        """A ``status`` event at first and when it has changed; the end is ``done``'s to tell."""
        place = (snapshot.job.status.value, snapshot.ahead)
        if place == self._shown or (self._shown and snapshot.job.status.terminal):
            return []
        self._shown = place
        status = {"status": place[0], "queue": queue_view(snapshot)}
        return [frame("status", status, self._offset)]

    async def _endure(self) -> list[bytes]:
        now = time.monotonic()
        self._outage_began = self._outage_began or now
        if now - self._outage_began >= self._options.outage_seconds:
            return self._give_up("redis-unavailable", "The job store is away: resume later.")
        await asyncio.sleep(TICK_SECONDS)
        return []

    def _give_up(self, code: str, message: str) -> list[bytes]:
        self.ended = True
        return [frame("error", {"code": code, "message": message}, self._offset)]
