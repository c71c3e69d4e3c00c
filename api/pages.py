"""A list of jobs, a page at a time, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import Query
from redis.asyncio import Redis

from api.problems import InvalidRequest
from api.schemas import LIMITS
from api.views import Snapshot, job_view

_LIMIT = LIMITS["limit"]

#: How many jobs a page has; its default is ``DEFAULT_LIMIT``.
Limit = Annotated[int, Query(ge=_LIMIT.minimum, le=_LIMIT.maximum)]
After = Annotated[str | None, Query(description="The `last_id` of the page before")]
DEFAULT_LIMIT: int = _LIMIT.default


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs, and whether older ones match too."""

    jobs: Sequence[Snapshot]
    has_more: bool

    def view(self) -> dict[str, Any]:
        """The list of the API."""
        data = [job_view(snapshot) for snapshot in self.jobs]
        return {
            "object": "list",
            "data": data,
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
            "has_more": self.has_more,
        }


async def rank_after(redis: Redis, index: str, after: str | None, noun: str = "job") -> int:
    """Where a page of the sorted set ``index`` begins, newest first. Raises InvalidRequest."""
    if after is None:
        return 0
    rank = await redis.zrevrank(index, after)
    if rank is None:
        raise unknown_cursor(after, noun)
    return cast("int", rank) + 1


def unknown_cursor(after: str, noun: str = "job") -> InvalidRequest:
    """The refusal of a cursor that leads nowhere."""
    return InvalidRequest.about("after", f"{noun} id", after[:100], f"names no {noun} of this list")
