"""What stands in the output files: pure functions of what has ended."""

import json
from collections.abc import Mapping
from typing import Any

from api.batches.endpoints import Endpoint
from common.job import Job, JobStatus

_SKIPPED = {
    "batch_cancelled": "This request was never run, because the batch was cancelled.",
    "batch_expired": "This request could not be executed before the completion window expired.",
    "erased": "The result of this request was erased before it was written here.",
}


def skipped_result(batch_id: str, entry: str) -> dict[str, Any]:
    """The result of a line that never was a job; ``entry`` as in common/keys.py."""
    line, custom_id, code = json.loads(entry)
    return _result(f"{batch_id}_{line}", custom_id, error=_error(code, _SKIPPED[code]))


def erased_result(batch_id: str, line: str) -> dict[str, Any]:
    """The result of a line whose record is gone."""
    return _result(f"{batch_id}_{line}", "", error=_error("erased", _SKIPPED["erased"]))


def job_result(endpoint: Endpoint, record: Mapping[str, str]) -> dict[str, Any]:
    """The result of a job that has ended, from its record."""
    job, custom_id = Job.from_hash(record), record.get("custom_id", "")
    request_id = job.request_id or job.id
    if record.get("refusal"):
        refusal = json.loads(record["refusal"])
        response = _response(refusal["status_code"], request_id, {"error": refusal["error"]})
        return _result(job.id, custom_id, response=response)
    if job.status is JobStatus.COMPLETED:
        return _result(job.id, custom_id, response=_response(200, request_id, endpoint.answer(job)))
    if job.error:
        return _result(job.id, custom_id, error=_error(job.error.code, job.error.message))
    return _result(job.id, custom_id, error=_error("cancelled", "This request was cancelled."))


def is_success(result: Mapping[str, Any]) -> bool:
    """Whether it belongs in the output file, and not in that of errors."""
    response = result["response"]
    return response is not None and response["status_code"] == 200  # noqa: PLR2004 - HTTP


def rendered(result: Mapping[str, Any]) -> bytes:
    """One line of a file."""
    return json.dumps(result, separators=(",", ":")).encode() + b"\n"


def _result(
    job_id: str,
    custom_id: str,
    *,
    response: dict[str, Any] | None = None,
    error: dict[str, str] | None = None,
) -> dict[str, Any]:
    return {"id": job_id, "custom_id": custom_id, "response": response, "error": error}


def _response(status_code: int, request_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"status_code": status_code, "request_id": request_id, "body": body}


def _error(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}
