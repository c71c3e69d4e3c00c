"""What clients receive, for OpenAPI; ``views`` builds it and a test compares the two."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from common.commands import Verb
from common.job import JobKind, JobStatus
from common.queues import Priority
from common.sampling import FinishReason


class QueueBody(BaseModel):
    position: int = Field(description="1 is next")
    eta_seconds: float | None = Field(description="Until it starts; null while nobody knows")


class ModelInfoBody(BaseModel):
    model_name: str | None
    quantization: str | None
    gpu_layers: int | None = Field(description="Layers really on the GPU; null where it is all")
    context_size: int | None


class ResultBody(BaseModel):
    finish_reason: FinishReason | None
    confidence_score: float | None = Field(
        description="Geometric mean of the tokens' probabilities, 0..1"
    )
    model_info: ModelInfoBody
    processing_time_ms: int | None = Field(description="From the first start to the end")
    tokens_used: int = Field(description="Generated tokens over all attempts, each counted once")


class GenerateResultBody(ResultBody):
    text: str
    tokens_per_second: float | None = Field(description="Decoding only")


class ExplainResultBody(ResultBody):
    explanation: str


class JobErrorBody(BaseModel):
    code: str
    message: str


class UsageBody(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost_usd: float


class UrlsBody(BaseModel):
    self: str
    events: str
    cancel: str


class JobBody(BaseModel):
    """A job. Times are ISO 8601 in UTC, null for what has not happened."""

    id: str
    object: Literal["job"]
    kind: JobKind
    status: JobStatus
    priority: Priority
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    expires_at: datetime | None = Field(description="When the result is deleted")
    attempts: int
    queue: QueueBody | None = Field(description="While it waits")
    result: GenerateResultBody | ExplainResultBody | None = Field(
        description="Of a completed job; what there was, of one that ended otherwise"
    )
    error: JobErrorBody | None
    usage: UsageBody
    urls: UrlsBody
    metadata: dict[str, str]


class JobListBody(BaseModel):
    object: Literal["list"]
    data: list[JobBody]
    first_id: str | None
    last_id: str | None = Field(description="The next page's `after`")
    has_more: bool


class TokenBody(BaseModel):
    access_token: str
    token_type: Literal["bearer"]
    expires_in: int = Field(description="Seconds")


class CheckBody(BaseModel):
    ok: bool
    detail: str


class HealthBody(BaseModel):
    status: Literal["healthy", "degraded", "unhealthy"]
    version: str
    checks: dict[str, CheckBody]


class ReadyBody(BaseModel):
    ready: bool
    checks: dict[str, CheckBody]


class WorkerBody(BaseModel):
    id: str
    kind: str
    state: str
    error: str | None
    breaker: Literal["closed", "half_open", "open"] | None = Field(
        description="The circuit breaker between its jobs and its model"
    )
    last_command: str | None = Field(description="The last one that it obeyed, by id")
    slots: int
    busy: int
    metrics_port: int | None
    tokens_per_second: float


class StatusBody(BaseModel):
    status: Literal["healthy", "degraded"]
    version: str
    workers: list[WorkerBody]
    queue: dict[Priority, int] = Field(description="Waiting jobs")
    running: int
    slots: int
    mean_job_seconds: float | None


class EndedBody(BaseModel):
    kind: str
    priority: Priority
    status: JobStatus
    jobs: int


class StatsBody(StatusBody):
    dead: int = Field(description="Dead letters")
    ended: list[EndedBody] = Field(description="Jobs that ended so far")


class CommandBody(BaseModel):
    id: str = Field(description="A worker that has obeyed shows it as its `last_command`")
    command: Verb
    workers: int = Field(description="How many heard it")


class ModelBody(ModelInfoBody):
    worker_id: str
    engine: str
    device: str
    slots: int = Field(description="Jobs that run at once")
    parameters: int | None
    artifact_bytes: int | None
    memory_bytes: int | None
    loaded_at: datetime | None
    tokens_per_second: float | None
    requests: int | None
    details: dict[str, Any] = Field(description="What only this engine has to say")
    settings: dict[str, Any] = Field(description="Of worker and gateway, by name")
    manifest: dict[str, Any] | None


class FieldErrorBody(BaseModel):
    field: str
    limit: str
    value: Any
    message: str


class OpenAIErrorBody(BaseModel):
    message: str
    type: str
    param: str | None
    code: str


class ProblemBody(BaseModel):
    """RFC 9457, with a member for the OpenAI SDK."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    error: OpenAIErrorBody
    errors: list[FieldErrorBody] = Field(default_factory=list)
