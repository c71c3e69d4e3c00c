"""A user's jobs, newest first, a page at a time."""

from collections.abc import Sequence
from typing import cast

from redis.asyncio import Redis

from api.jobs import Jobs
from api.pages import Page, rank_after
from common import keys
from common.job import JobStatus

#: Index entries looked at in one go.
_STRIDE = 200


class Listing:
    """Walks the index of a user's jobs; entries whose record has expired are dropped."""

    def __init__(self, redis: "Redis", jobs: Jobs) -> None:
        self._redis = redis
        self._jobs = jobs

    async def page(
        self, user: str, limit: int, after: str | None, status: JobStatus | None
    ) -> Page:
        """Up to ``limit`` jobs older than ``after``. Raises InvalidRequest."""
        index = keys.user_jobs(user)
        start = await rank_after(self._redis, index, after)
        found: list[str] = []
        while len(found) <= limit:
            entries = await self._redis.zrevrange(index, start, start + _STRIDE - 1)
            ids = cast("list[str]", entries)
            if not ids:
                break
            states = await self._statuses(ids)
            gone = [job_id for job_id, state in zip(ids, states, strict=True) if state is None]
            if gone:
                await self._redis.zrem(index, *gone)
            found += [
                job_id
                for job_id, state in zip(ids, states, strict=True)
                if state is not None and status in (None, state)
            ]
            start += len(ids) - len(gone)
        return Page(await self._jobs.get_many(user, found[:limit]), len(found) > limit)

    async def _statuses(self, ids: Sequence[str]) -> list[str | None]:
        pipe = self._redis.pipeline(transaction=False)
        for job_id in ids:
            pipe.hget(keys.job(job_id), "status")
        return list(await pipe.execute())
