"""A batch as it is in Redis."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from common.job import JobKind, new_job_id
from common.queues import Priority


class BatchStatus(StrEnum):
    """Where a batch is; each says who brings it there."""

    VALIDATING = "validating"  #: admit
    IN_PROGRESS = "in_progress"  #: begin
    FINALIZING = "finalizing"  #: the end of its last line; results are still written
    COMPLETED = "completed"  #: commit
    FAILED = "failed"  #: refuse: its input was not what it should be
    EXPIRING = "expiring"  #: stop, since its time is over
    EXPIRED = "expired"  #: commit
    CANCELLING = "cancelling"  #: stop, since nobody wants it
    CANCELLED = "cancelled"  #: commit

    @property
    def terminal(self) -> bool:
        """Whether the batch has ended; it never leaves such a state."""
        return self in _TERMINAL

    @property
    def shown(self) -> str:
        """The word for clients: to them, one that expires is being finalized."""
        return "finalizing" if self is BatchStatus.EXPIRING else self.value


_TERMINAL = (
    *(BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.EXPIRED, BatchStatus.CANCELLED),
)
_NUMBERS = (
    *("total", "completed", "failed", "cancelled", "enrolled", "fed", "offset", "written"),
    *("output_bytes", "error_bytes", "input_bytes", "prompt_tokens", "tokens", "revision"),
    *("created_ms", "in_progress_ms", "finalizing_ms", "cancelling_ms", "expiring_ms"),
    *("ended_ms", "expires_ms"),
)


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch. Times in ms of the server's clock; 0 is never.

    ``fed`` lines are in the queue or past it, and the next one begins at ``offset`` bytes of
    the input; ``written`` results stand in the two output files.
    """

    id: str
    user: str
    kind: JobKind
    api: str  #: '' for ours, batches for OpenAI's
    endpoint: str
    status: BatchStatus
    priority: Priority
    input_file_id: str
    output_file_id: str
    error_file_id: str
    created_ms: int
    expires_ms: int
    total: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    enrolled: int = 0
    fed: int = 0
    offset: int = 0
    written: int = 0
    input_bytes: int = 0
    output_bytes: int = 0
    error_bytes: int = 0
    prompt_tokens: int = 0
    tokens: int = 0
    revision: int = 1
    in_progress_ms: int = 0
    finalizing_ms: int = 0
    cancelling_ms: int = 0
    expiring_ms: int = 0
    ended_ms: int = 0
    request_id: str = ""
    traceparent: str = ""
    output_ttl_ms: int = 0
    metadata: dict[str, str] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def from_hash(cls, raw: Mapping[str, str]) -> "Batch":
        """From its Redis hash."""
        return cls(
            id=raw["id"],
            user=raw["user"],
            kind=JobKind(raw["kind"]),
            api=raw["api"],
            endpoint=raw["endpoint"],
            status=BatchStatus(raw["status"]),
            priority=Priority(raw["priority"]),
            input_file_id=raw["input_file_id"],
            output_file_id=raw["output_file_id"],
            error_file_id=raw["error_file_id"],
            request_id=raw.get("request_id", ""),
            traceparent=raw.get("traceparent", ""),
            output_ttl_ms=int(raw.get("output_ttl_ms") or 0),
            metadata=json.loads(raw.get("metadata") or "{}"),
            errors=json.loads(raw.get("errors") or "[]"),
            **{name: int(raw[name]) for name in _NUMBERS if raw.get(name)},
        )

    @property
    def ended(self) -> int:
        """Lines that have ended."""
        return self.completed + self.failed + self.cancelled

    def line_id(self, line: int) -> str:
        """The job of a line, counted from 0."""
        return f"{self.id}_{line}"


def new_batch_id() -> str:
    """A fresh id, sortable by time. A job's begins otherwise, and so does no line's."""
    return new_job_id("batch_")
