"""A user's jobs, newest first, a page at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

from api.jobs import Jobs
from api.pages import Page, unknown_cursor
from common import keys
from common.job import JobKind, JobStatus
from common.queues import Priority
from common.scripts import AsyncScripts


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs are wanted; None is any."""

    status: JobStatus | None = None
    priority: Priority | None = None
    kind: JobKind | None = None

    def lists(self, user: str) -> Iterator[str]:
        """The keys of the lists that hold such jobs and few others."""
        if self == Filter():
            yield keys.user_jobs(user)
            return
        for phase in [_phase(self.status)] if self.status else sorted({*map(_phase, JobStatus)}):
            for priority in [self.priority] if self.priority else Priority:
                for kind in [self.kind] if self.kind else JobKind:
                    yield keys.user_jobs_of(user, phase, priority, kind)


class Listing:
    """Reads pages from the lists that the scripts keep."""

    def __init__(self, scripts: AsyncScripts, jobs: Jobs) -> None:
        self._scripts = scripts
        self._jobs = jobs

    async def page(self, user: str, limit: int, after: str | None, wanted: Filter) -> Page:
        """Up to ``limit`` jobs older than ``after``. Raises InvalidRequest."""
        lists = tuple(wanted.lists(user))
        word, *answer = await self._scripts(
            "list", user, limit, after or "", wanted.status or "", *lists
        )
        if word == "unknown":
            raise unknown_cursor(after or "")
        more, *found = answer
        return Page(await self._jobs.get_many(user, found), bool(more))


def _phase(status: JobStatus) -> str:
    return status if status.terminal else "active"
