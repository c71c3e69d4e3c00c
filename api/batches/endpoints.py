"""What a line may ask for: the same endpoints that a client may ask itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from api.explain.fence import Fence
from api.faults import field_errors
from api.problems import InvalidRequest
from api.requests.explain import ExplainRequest
from api.requests.generate import GenerateRequest
from api.requests.job import JobRequest
from api.v1 import lines as v1
from api.views import result_view, usage_view
from common.job import Job, JobKind
from common.prompt import Prompt


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How the body of a line becomes a job, and the job the body of an answer.

    ``read`` raises Problem. ``answer`` is a function of a completed job alone, so that a
    result that is written twice is the same twice.
    """

    kind: JobKind
    prompt_field: str
    read: Callable[[dict[str, Any], Fence], tuple[JobRequest, Prompt]]
    answer: Callable[[Job], dict[str, Any]]


def _native(request: type[JobRequest]) -> Endpoint:
    def read(body: dict[str, Any], fence: Fence) -> tuple[JobRequest, Prompt]:
        try:
            asked = request.model_validate(body)
        except ValidationError as error:
            faults = field_errors([{**one, "loc": ("body", *one["loc"])} for one in error.errors()])
            said = "; ".join(f"{fault['field']} {fault['message']}" for fault in faults)
            raise InvalidRequest(f"{said}.", errors=faults) from error
        return asked, asked.to_prompt(fence)

    return Endpoint(request.job_kind, request.prompt_field, read, _result)


def _openai(endpoint: v1.Endpoint[Any]) -> Endpoint:
    def read(body: dict[str, Any], _: Fence) -> tuple[JobRequest, Prompt]:
        return endpoint.read(body)

    return Endpoint(JobKind.GENERATE, endpoint.prompt_field, read, endpoint.from_job)


def _result(job: Job) -> dict[str, Any]:
    return {"id": job.id, "result": result_view(job), "usage": usage_view(job)}


NATIVE: Mapping[str, Endpoint] = {
    "/generate": _native(GenerateRequest),
    "/explain": _native(ExplainRequest),
}
OPENAI: Mapping[str, Endpoint] = {
    path: _openai(endpoint) for path, endpoint in v1.ENDPOINTS.items()
}
ENDPOINTS: Mapping[str, Endpoint] = {**NATIVE, **OPENAI}
