"""Jobs as clients see them: the record in, JSON out."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from api.admission import Pace
from api.prices import usd
from api.submission import Submission
from api.v1.pieces import token_logprobs
from api.verdicts import Verdict
from common.job import Api, Job, JobKind, JobStatus, pairs

_NO_MODEL = {"model_name": None, "quantization": None, "gpu_layers": None, "context_size": None}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A job as it was when read.

    ``ahead`` counts the jobs before it, -1 if it does not wait; ``start_in_ms`` is when it
    should start at the measured pace, -1 if nobody knows.
    """

    job: Job
    ahead: int
    pace: Pace
    start_in_ms: int = -1

    @classmethod
    def from_read(cls, seen: Sequence[Any]) -> "Snapshot | None":
        """From the answer of read.lua; None where there is no record."""
        flat, ahead, mean_ms, slots, start_in_ms, _ = seen
        if not flat:
            return None
        job = Job.from_hash(pairs(flat))
        return cls(job, ahead, Pace(int(mean_ms), int(slots)), int(start_in_ms))

    @classmethod
    def told(cls, record: Sequence[str]) -> "Snapshot":
        """Of the ended job whose record went with the news of its end."""
        return cls(Job.from_hash(pairs(record)), -1, Pace(0, 0))

    @classmethod
    def created(cls, submission: Submission, verdict: Verdict) -> "Snapshot":
        """Of the job that the submit script has just made: what a read would say, unread."""
        request, origin = submission.request, submission.origin
        view = request.view_fields()
        job = Job(
            id=verdict.job_id,
            user=submission.principal.user,
            kind=submission.kind,
            priority=request.priority,
            status=JobStatus.QUEUED,
            work=submission.work,
            created_ms=verdict.created_ms,
            enqueued_ms=verdict.created_ms,
            prompt_tokens=submission.prompt_tokens,
            eta_ms=verdict.limit,
            logprob_sum=None,
            on_disconnect=request.on_disconnect,
            request_id=origin.request_id,
            traceparent=origin.traceparent,
            metadata=request.metadata,
            api=Api(view["api"]) if "api" in view else None,
            asked=json.loads(view.get("asked", "{}")),
        )
        return cls(job, verdict.have, verdict.pace, verdict.limit)

    @property
    def etag(self) -> str:
        """The version of the job's state; position, ETA and tokens do not change it."""
        return f'W/"{self.job.revision}"'

    @property
    def retry_after(self) -> int:
        """Whole seconds after which asking again is worth it."""
        seconds = self.pace.seconds_for(max(1, self.ahead + 1)) or 1.0
        return min(30, max(1, round(seconds / 2)))


def job_view(snapshot: Snapshot) -> dict[str, Any]:
    """The Job of the API."""
    job = snapshot.job
    return {
        "id": job.id,
        "object": "job",
        "kind": job.kind.value,
        "status": job.status.value,
        "priority": job.priority.value,
        "created_at": iso(job.created_ms),
        "started_at": iso(job.started_ms),
        "completed_at": iso(job.completed_ms),
        "expires_at": iso(job.expires_ms),
        "attempts": job.attempts,
        "queue": queue_view(snapshot),
        "result": result_view(job),
        "error": {"code": job.error.code, "message": job.error.message} if job.error else None,
        "usage": usage_view(job),
        "urls": {
            "self": f"/jobs/{job.id}",
            "events": f"/jobs/{job.id}/events",
            "cancel": f"/jobs/{job.id}",
        },
        "metadata": job.metadata,
    }


def queue_view(snapshot: Snapshot) -> dict[str, Any] | None:
    """Position (1 is next) and seconds until it starts; None once it does not wait."""
    if snapshot.job.status is not JobStatus.QUEUED:
        return None
    start_in = snapshot.start_in_ms
    return {
        "position": snapshot.ahead + 1,
        "eta_seconds": None if start_in < 0 else round(start_in / 1000, 1),
    }


def usage_view(job: Job) -> dict[str, Any]:
    """Tokens, each counted once over all attempts; what they cost is known at the end."""
    return {
        "prompt_tokens": job.prompt_tokens,
        "completion_tokens": job.tokens,
        "total_tokens": job.prompt_tokens + job.tokens,
        "cached_tokens": job.cached_tokens,
        "cost_usd": usd(job.cost_nano),
    }


def result_view(job: Job) -> dict[str, Any] | None:
    """What was made: all of it, or what there was when the job ended otherwise."""
    if not job.status.terminal or (job.status is not JobStatus.COMPLETED and not job.text):
        return None
    common: dict[str, Any] = {
        "finish_reason": job.finish_reason.value if job.finish_reason else None,
        "confidence_score": _rounded(job.confidence, 4),
        "model_info": {**_NO_MODEL, **job.model_info},
        "processing_time_ms": job.processing_ms,
        "tokens_used": job.tokens,
    }
    if job.logprobs is not None:
        common["logprobs"] = token_logprobs(job.logprobs)
    if job.kind is JobKind.EXPLAIN:
        return {"explanation": job.text, **common}
    return {"text": job.text, **common, "tokens_per_second": _rounded(job.tokens_per_second, 2)}


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None else round(number, digits)


def iso(ms: int) -> str | None:
    """Milliseconds since 1970 as ISO 8601 in UTC; None for never."""
    if not ms:
        return None
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
