"""What happened to a job, moment by moment: its attempts, and its first token."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from itertools import takewhile
from typing import Any, Literal

from pydantic import Field

from api.schemas import Shape
from api.views import iso
from common.job import Job


class Happening(StrEnum):
    """What may happen to a job, in the order in which it usually does."""

    QUEUED = "queued"
    STARTED = "started"
    FIRST_TOKEN = "first_token"  # noqa: S105 - a token of a text
    REQUEUED = "requeued"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class MomentBody(Shape):
    """One thing that happened."""

    event: Happening
    at: datetime
    attempt: int | None = Field(description="Its number, from 1: which one started or ended")
    worker: str | None = Field(description="Of an attempt that started")
    reason: str | None = Field(
        description="Why it was requeued: `worker_lost`, `engine_error`, `released`; or the "
        "error's code"
    )


class TimelineBody(Shape):
    """Oldest first."""

    object: Literal["list"] = "list"
    data: list[MomentBody]


def timeline(job: Job) -> list[dict[str, Any]]:
    """The moments of a job, oldest first."""
    moments = [_moment("queued", job.created_ms), *_attempts(job.trail)]
    if job.first_token_ms:
        first = _moment("first_token", job.first_token_ms)
        before = list(takewhile(lambda moment: _precedes(moment, first), moments))
        moments.insert(len(before), first)
    if job.status.terminal:
        reason = job.error.code if job.error else None
        attempt = job.attempts if job.started_ms else None
        moments.append(_moment(job.status.value, job.completed_ms, attempt, reason=reason))
    return [{"at": iso(moment.pop("ms")), **moment} for moment in moments]


def _precedes(moment: dict[str, Any], first_token: dict[str, Any]) -> bool:
    """Also in the same millisecond: a token comes after a start, and before a return."""
    if moment["ms"] == first_token["ms"]:
        return bool(moment["event"] != "requeued")
    return bool(moment["ms"] < first_token["ms"])


def _attempts(trail: str) -> Iterator[dict[str, Any]]:
    """Read the steps of ``common/lua/shared/trail.lua``."""
    number = 0
    for step in filter(None, trail.split(";")):
        what, ms, detail = step.split("|")
        if what == "start":
            number += 1
            yield _moment("started", int(ms), number, worker=detail)
        else:
            yield _moment("requeued", int(ms), number, reason=detail)


def _moment(
    event: str,
    ms: int,
    attempt: int | None = None,
    *,
    worker: str | None = None,
    reason: str | None = None,
) -> dict[str, Any]:
    return {"event": event, "ms": ms, "attempt": attempt, "worker": worker, "reason": reason}
