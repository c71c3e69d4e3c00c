"""Reads of jobs for those who wait: one read of a job answers all who asked before it began.

The end of a job wakes everybody who waits for it, and a reconnect everybody there is. All of
them share one connection, a few jobs in each round trip.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from redis.exceptions import RedisError, ResponseError

from api.problems import JobGone, JobNotFound
from api.views import Snapshot
from common.scripts import AsyncScripts

#: Jobs read in one round trip: what is done with more would hold up the event loop.
MOST_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Seen:
    """What read.lua saw: a job, or who owned the one that was here."""

    snapshot: Snapshot | None
    owner: str

    @classmethod
    def of(cls, answer: Sequence[Any]) -> "Seen":
        """From the answer of read.lua."""
        return cls(Snapshot.from_read(answer), answer[-1])

    def by(self, user: str) -> Snapshot:
        """The job, if ``user`` may see it. Raises JobNotFound, JobGone."""
        if self.snapshot is None and self.owner == user:
            raise JobGone("The job's result was kept until it expired.")
        if self.snapshot is None or self.snapshot.job.user != user:
            raise JobNotFound("There is no such job.")
        return self.snapshot


class SharedReads:
    """Reads jobs, each once for all who ask at the same time."""

    def __init__(self, scripts: AsyncScripts) -> None:
        self._scripts = scripts
        self._asked: dict[str, list[asyncio.Future[Seen]]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def read(self, job_id: str) -> Seen:
        """The job as it is now or a little later. Raises redis.RedisError."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Seen] = loop.create_future()
        self._asked.setdefault(job_id, []).append(answer)
        if self._reading is None:
            self._reading = loop.create_task(self._read_all())
        return await answer

    async def _read_all(self) -> None:
        try:
            while self._asked:
                job_ids = list(islice(self._asked, MOST_AT_ONCE))
                await self._answer({job_id: self._asked.pop(job_id) for job_id in job_ids})
        finally:
            self._reading = None

    async def _answer(self, asked: dict[str, list[asyncio.Future[Seen]]]) -> None:
        try:
            answers = await self._scripts.pipeline([("read", (job_id,)) for job_id in asked])
        except RedisError as error:
            if isinstance(error, ResponseError) and len(asked) > 1:  # of one of them
                for job_id, waiting in asked.items():
                    await self._answer({job_id: waiting})
                return
            for waiting in asked.values():
                _tell(waiting, error)
            return
        for waiting, answer in zip(asked.values(), answers, strict=True):
            _tell(waiting, _seen(answer))


def _seen(answer: Sequence[Any]) -> Seen | Exception:
    try:
        return Seen.of(answer)
    except (KeyError, ValueError, TypeError) as error:  # a foreign record: for who asked for it
        return error


def _tell(waiting: list[asyncio.Future[Seen]], what: Seen | Exception) -> None:
    for answer in waiting:
        if answer.done():
            continue
        if isinstance(what, Exception):
            answer.set_exception(what)
        else:
            answer.set_result(what)
