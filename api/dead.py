"""Dead letters: failed jobs that wait for a person to decide."""

from contextlib import suppress
from typing import cast

from redis.asyncio import Redis

from api.guard.problems import PromptRefused
from api.guard.screen import Screen
from api.pages import Page, rank_after
from api.problems import JobNotFound
from api.settings import ApiSettings
from api.views import Snapshot
from common import keys
from common.job import new_job_id
from common.scripts import AsyncScripts

#: Seconds that a redriven job may wait.
_QUEUE_TTL_SECONDS = 3600


class DeadLetters:
    """The failed jobs of all users, newest first."""

    def __init__(
        self, redis: Redis, scripts: AsyncScripts, screen: Screen, settings: ApiSettings
    ) -> None:
        self._redis = redis
        self._scripts = scripts
        self._screen = screen
        self._timeout_ms = settings.request_timeout * 1000

    async def page(self, limit: int, after: str | None) -> Page:
        """Up to ``limit`` dead letters older than ``after``. Raises InvalidRequest.

        Those whose record has expired are dropped.
        """
        start = await rank_after(self._redis, keys.DEAD, after)
        found: list[Snapshot] = []
        while len(found) <= limit:
            entries = await self._redis.zrevrange(keys.DEAD, start, start + limit)
            read = {job_id: await self._read(job_id) for job_id in cast("list[str]", entries)}
            if not read:
                break
            gone = [job_id for job_id, snapshot in read.items() if snapshot is None]
            if gone:
                await self._redis.zrem(keys.DEAD, *gone)
            found += [snapshot for snapshot in read.values() if snapshot is not None]
            start += len(read) - len(gone)
        return Page(found[:limit], len(found) > limit)

    async def redrive(self, job_id: str) -> Snapshot:
        """Try a dead letter once more, as a new job. Raises JobNotFound, PromptRefused."""
        dead = await self._read(job_id)
        if dead is None:
            raise JobNotFound("There is no such dead letter.")
        await self._screen.check_again(dead.job)
        new_id, priority = new_job_id(), dead.job.priority
        answer = await self._scripts(
            *("redrive", job_id, new_id, priority.value),
            *(_QUEUE_TTL_SECONDS * 1000, self._timeout_ms),
        )
        redriven = await self._read(new_id) if answer[0] == "created" else None
        if redriven is None:
            raise JobNotFound("There is no such dead letter.")
        return redriven

    async def redrive_all(self) -> list[str]:
        """Redrive every dead letter, oldest first; the ids of the new jobs.

        Those that the prompt guard would refuse today stay where they are.
        """
        dead = cast("list[str]", await self._redis.zrange(keys.DEAD, 0, -1))
        redriven = []
        for job_id in dead:
            with suppress(PromptRefused):
                redriven += await self._redrive_or_drop(job_id)
        return redriven

    async def _redrive_or_drop(self, job_id: str) -> list[str]:
        """The id of the new job; nothing where the record has expired."""
        try:
            return [(await self.redrive(job_id)).job.id]
        except JobNotFound:
            await self._redis.zrem(keys.DEAD, job_id)
            return []

    async def purge(self) -> int:
        """Forget all dead letters; the jobs stay readable until they expire. Returns how many."""
        pipe = self._redis.pipeline()
        pipe.zcard(keys.DEAD)
        pipe.delete(keys.DEAD)
        return cast("int", (await pipe.execute())[0])

    async def _read(self, job_id: str) -> Snapshot | None:
        return Snapshot.from_read(await self._scripts("read", job_id))
