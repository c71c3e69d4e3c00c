"""A batch as clients see it: ours, and OpenAI's."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from api.batches.batch import Batch, BatchStatus
from api.schemas import Shape
from api.views import iso
from common.job import JobKind
from common.queues import Priority

#: BatchStatus, less what only this service needs to tell apart.
ShownStatus = Literal[
    "validating",
    "in_progress",
    "finalizing",
    "completed",
    "failed",
    "expired",
    "cancelling",
    "cancelled",
]


class CountsBody(Shape):
    total: int = Field(description="0 while the input is validated")
    completed: int
    failed: int = Field(description="Refused, failed or expired")
    cancelled: int


class BatchUsageBody(Shape):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class BatchUrlsBody(Shape):
    self: str
    events: str
    cancel: str
    output: str | None = Field(description="The results so far, as JSON lines")
    errors: str | None


class BatchErrorBody(Shape):
    code: str
    message: str
    param: str | None
    line: int | None


class BatchSummaryBody(Shape):
    """A batch. Times are ISO 8601 in UTC, null for what has not happened."""

    id: str
    object: Literal["batch"]
    kind: JobKind
    status: ShownStatus
    priority: Priority
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None = Field(description="When it ended, however that was")
    expires_at: datetime = Field(description="When what has not run by then expires")
    request_counts: CountsBody
    usage: BatchUsageBody
    output_file_id: str | None
    error_file_id: str | None
    errors: list[BatchErrorBody] = Field(description="What is wrong with the input")
    urls: BatchUrlsBody
    metadata: dict[str, str]


class BatchBody(BatchSummaryBody):
    jobs: list[str] = Field(description="The job of each request, in their order")


class BatchListBody(Shape):
    object: Literal["list"]
    data: list[BatchSummaryBody]
    first_id: str | None
    last_id: str | None = Field(description="The next page's `after`")
    has_more: bool


def batch_view(batch: Batch, *, jobs: bool = True) -> dict[str, Any]:
    """The Batch of the native API; in a list without its ``jobs``."""
    path = f"/batches/{batch.id}"
    output, errors = _output_file(batch), _error_file(batch)
    view = {
        "id": batch.id,
        "object": "batch",
        "kind": batch.kind.value,
        "status": batch.status.shown,
        "priority": batch.priority.value,
        "created_at": iso(batch.created_ms),
        "started_at": iso(batch.in_progress_ms),
        "completed_at": iso(batch.ended_ms),
        "expires_at": iso(batch.expires_ms),
        "request_counts": counts_view(batch),
        "usage": {
            "prompt_tokens": batch.prompt_tokens,
            "completion_tokens": batch.tokens,
            "total_tokens": batch.prompt_tokens + batch.tokens,
        },
        "output_file_id": output,
        "error_file_id": errors,
        "errors": batch.errors,
        "urls": {
            "self": path,
            "events": f"{path}/events",
            "cancel": f"{path}/cancel",
            "output": output and f"/v1/files/{output}/content",
            "errors": errors and f"/v1/files/{errors}/content",
        },
        "metadata": batch.metadata,
    }
    return {**view, "jobs": [batch.line_id(n) for n in range(batch.total)]} if jobs else view


def counts_view(batch: Batch) -> dict[str, int]:
    """How many lines ended how; what is missing waits or runs."""
    return {
        "total": batch.total,
        "completed": batch.completed,
        "failed": batch.failed,
        "cancelled": batch.cancelled,
    }


def openai_view(batch: Batch) -> dict[str, Any]:
    """The Batch of the OpenAI API; its files can be read from the first result on."""
    ended = {status: batch.ended_ms if batch.status is status else 0 for status in BatchStatus}
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "errors": {"object": "list", "data": batch.errors} if batch.errors else None,
        "input_file_id": batch.input_file_id,
        "completion_window": "24h",
        "status": batch.status.shown,
        "output_file_id": _output_file(batch),
        "error_file_id": _error_file(batch),
        "created_at": batch.created_ms // 1000,
        "in_progress_at": _seconds(batch.in_progress_ms),
        "expires_at": _seconds(batch.expires_ms),
        "finalizing_at": _seconds(batch.finalizing_ms or batch.expiring_ms),
        "completed_at": _seconds(ended[BatchStatus.COMPLETED]),
        "failed_at": _seconds(ended[BatchStatus.FAILED]),
        "expired_at": _seconds(ended[BatchStatus.EXPIRED]),
        "cancelling_at": _seconds(batch.cancelling_ms),
        "cancelled_at": _seconds(ended[BatchStatus.CANCELLED]),
        "request_counts": {
            "total": batch.total,
            "completed": batch.completed,
            "failed": batch.failed,
        },
        "usage": {
            "input_tokens": batch.prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": batch.tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": batch.prompt_tokens + batch.tokens,
        },
        "metadata": batch.metadata or None,
    }


def page_view(data: list[dict[str, Any]], has_more: bool) -> dict[str, Any]:
    """A list of anything with an id."""
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": has_more,
    }


def _output_file(batch: Batch) -> str | None:
    return batch.output_file_id if batch.output_bytes else None


def _error_file(batch: Batch) -> str | None:
    return batch.error_file_id if batch.error_bytes else None


def _seconds(ms: int) -> int | None:
    return ms // 1000 if ms else None
