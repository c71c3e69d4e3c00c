"""The bare result of a job, as the two services answered before there were jobs."""

from typing import Any

from api.problems import JobNotFinished, NoResult
from api.views import Snapshot, result_view
from common.job import JobKind, JobStatus

#: What an explanation consists of, in the order of the document that asked for it.
EXPLANATION = (
    *("explanation", "tokens_used", "processing_time_ms", "model_info", "confidence_score"),
)


def bare_result(snapshot: Snapshot) -> dict[str, Any]:
    """The result of a completed job. Raises JobNotFinished, NoResult."""
    job = snapshot.job
    state = {"field": "status", "limit": "completed", "value": job.status.value}
    if not job.status.terminal:
        raise JobNotFinished(
            f"The job is {job.status}: ask again, or wait with `Prefer: wait=N`.",
            errors=[{**state, "message": f"is {job.status}"}],
            retry_after=snapshot.retry_after,
        )
    result = result_view(job)
    if job.status is not JobStatus.COMPLETED or result is None:
        why = f" ({job.error.code}): {job.error.message}" if job.error else "."
        raise NoResult(
            f"The job is {job.status}{why}", errors=[{**state, "message": f"is {job.status}"}]
        )
    if job.kind is JobKind.EXPLAIN:
        return {name: result[name] for name in EXPLANATION}
    return result
