"""The events that receivers get, for OpenAPI: its section ``webhooks``."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header
from pydantic import ConfigDict, Field

from api.answers import JobErrorBody
from api.schemas import Shape
from api.webhooks.examples import JOB_EVENT
from common.job import JobKind, JobStatus
from common.webhooks import EventType

router = APIRouter(tags=["webhooks"], responses={200: {"description": "Any 2xx: received"}})


class JobEventUsage(Shape):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost_usd: float


class JobEventData(Shape):
    """A job as it was then; ask its `urls.self` for more."""

    id: str
    object: Literal["job"]
    kind: JobKind
    status: JobStatus
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    error: JobErrorBody | None
    usage: JobEventUsage
    urls: dict[str, str]
    metadata: dict[str, str]
    result: dict[str, Any] | None = Field(
        None, description="If it was asked for, and the body stays under 20 kB with it"
    )
    result_omitted: bool | None = Field(None, description="It was asked for, and is too long")


class JobEvent(Shape):
    """What is sent of a job made through `/generate` or `/explain`."""

    model_config = ConfigDict(json_schema_extra={"examples": [JOB_EVENT]})

    type: EventType
    timestamp: datetime
    data: JobEventData


class SubjectData(Shape):
    """A batch or an endpoint; further members as its own route shows them."""

    model_config = ConfigDict(extra="allow")

    id: str


class SubjectEvent(Shape):
    """What is sent of a batch, or of another endpoint of yours."""

    type: EventType
    timestamp: datetime
    data: SubjectData


class OpenAIEvent(Shape):
    """What is sent of `/v1/responses` and `/v1/batches`, as the OpenAI SDK reads it."""

    id: str
    object: Literal["event"]
    created_at: int
    type: EventType
    timestamp: datetime
    data: SubjectData


class SignedHeaders(Shape):
    """Standard Webhooks 1.0."""

    webhook_id: str = Field(description="The same over all attempts: do not handle it twice")
    webhook_timestamp: int = Field(description="Seconds since 1970, of this attempt")
    webhook_signature: str = Field(
        description="`v1,` HMAC-SHA256 for each valid secret, and `v1a,` Ed25519"
    )


Signed = Annotated[SignedHeaders, Header()]


@router.post("job.started", summary="A worker has taken the job")
@router.post("job.completed", summary="The job has its result")
@router.post("job.failed", summary="The job was given up")
@router.post("job.cancelled", summary="Somebody cancelled the job")
@router.post("job.expired", summary="The job ran out of time")
def job_event(body: JobEvent, headers: Signed) -> None:
    """Of a job made through any route but `/v1/responses`."""


@router.post("response.completed", summary="The response is complete")
@router.post("response.incomplete", summary="The response reached its limit of tokens")
@router.post("response.failed", summary="The response was given up, or ran out of time")
@router.post("response.cancelled", summary="Somebody cancelled the response")
def response_event(body: OpenAIEvent, headers: Signed) -> None:
    """Of a job made through `/v1/responses`; `client.webhooks.unwrap` of openai reads it."""


@router.post("batch.completed", summary="All lines of the batch have ended")
@router.post("batch.failed", summary="The batch was refused as a whole")
@router.post("batch.expired", summary="The batch ran out of time")
@router.post("batch.cancelled", summary="Somebody cancelled the batch")
def batch_event(body: SubjectEvent | OpenAIEvent, headers: Signed) -> None:
    """Of a batch; one made through `/v1/batches` tells it as the OpenAI SDK reads it."""


@router.post("endpoint.disabled", summary="Another endpoint of yours was disabled")
@router.post("endpoint.test", summary="You asked for it")
def endpoint_event(body: SubjectEvent, headers: Signed) -> None:
    """Of an endpoint."""
