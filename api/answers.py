"""What clients receive, for OpenAPI; ``views`` builds it and a test compares the two."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from api.examples import EXPLANATION, HEALTH, JOB, MODEL, PROBLEM, shown
from api.schemas import Shape
from common.commands import Verb
from common.job import JobKind, JobStatus
from common.queues import Priority
from common.reloads import ReloadState
from common.sampling import FinishReason


class QueueBody(Shape):
    position: int = Field(description="1 is next")
    eta_seconds: float | None = Field(description="Until it starts; null while nobody knows")


class ModelInfoBody(Shape):
    model_name: str | None
    quantization: str | None
    gpu_layers: int | None = Field(description="Layers really on the GPU; null where it is all")
    context_size: int | None


class LikelihoodBody(Shape):
    token: str
    bytes: list[int] = Field(description="A token may end inside a character")
    logprob: float = Field(description="Before temperature, top_p, top_k and response_format")


class TokenLogprobsBody(LikelihoodBody):
    top_logprobs: list[LikelihoodBody]


class ResultBody(Shape):
    finish_reason: FinishReason | None
    confidence_score: float | None = Field(
        description="Geometric mean of the tokens' probabilities, 0..1"
    )
    model_info: ModelInfoBody
    processing_time_ms: int | None = Field(description="From the first start to the end")
    tokens_used: int = Field(description="Generated tokens over all attempts, each counted once")
    logprobs: list[TokenLogprobsBody] | None = Field(None, description="If they were asked for")


class GenerateResultBody(ResultBody):
    text: str
    tokens_per_second: float | None = Field(description="Decoding only")


class ExplainResultBody(ResultBody):
    explanation: str


class ExplanationBody(Shape):
    """An explanation and nothing else, as the explanation service always answered."""

    model_config = shown(EXPLANATION)

    explanation: str
    tokens_used: int
    processing_time_ms: int | None
    model_info: ModelInfoBody
    confidence_score: float | None


class JobErrorBody(Shape):
    code: str
    message: str


class UsageBody(Shape):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int = Field(description="Prompt tokens that did not have to be computed again")
    cost_usd: float = Field(description="By the prices when it was submitted; 0 until it ends")


class UrlsBody(Shape):
    self: str
    events: str
    cancel: str


class JobBody(Shape):
    """A job. Times are ISO 8601 in UTC, null for what has not happened."""

    model_config = shown(JOB)

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


class JobListBody(Shape):
    object: Literal["list"]
    data: list[JobBody]
    first_id: str | None
    last_id: str | None = Field(description="The next page's `after`")
    has_more: bool


class TokenBody(Shape):
    access_token: str
    token_type: Literal["bearer"]
    expires_in: int = Field(description="Seconds")
    refresh_token: str = Field(description="For `POST /auth/refresh`, once")


class CheckBody(Shape):
    ok: bool
    detail: str


class ChecksBody(Shape):
    redis: CheckBody
    workers: CheckBody
    model: CheckBody
    queue: CheckBody


class HealthBody(Shape):
    model_config = shown(HEALTH)

    status: Literal["healthy", "degraded", "unhealthy"]
    version: str
    checks: ChecksBody


class LiveBody(Shape):
    status: Literal["alive", "dead"]
    detail: str | None = Field(None, description="Which task of this process has ended")


class ReadyBody(Shape):
    ready: bool
    checks: ChecksBody


class WorkerReloadBody(Shape):
    id: str
    state: ReloadState
    error: str | None = Field(description="Why it has its old model")
    model_name: str | None = Field(description="What it serves right now")
    quantization: str | None
    engine: str | None


class ReloadBody(Shape):
    """The last reload; null is what the workers were started with."""

    id: str
    engine: str | None
    model: str | None
    quantization: str | None
    done: bool = Field(description="Whether no worker waits or loads any more")
    failed: bool = Field(description="Whether a worker could not load it")
    workers: list[WorkerReloadBody]


class CommandBody(Shape):
    id: str = Field(description="A worker that has obeyed shows it as its `last_command`")
    command: Verb
    workers: int = Field(description="How many heard it")


class ModelBody(ModelInfoBody):
    model_config = shown(MODEL)

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


class FieldErrorBody(Shape):
    field: str
    limit: str
    value: Any
    message: str


class OpenAIErrorBody(Shape):
    message: str
    type: str
    param: str | None
    code: str


class ProblemBody(Shape):
    """RFC 9457, with a member for the OpenAI SDK."""

    model_config = shown(PROBLEM)

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    error: OpenAIErrorBody
    errors: list[FieldErrorBody] = Field(default_factory=list)
    reason: str | None = Field(None, description="The class of what the prompt guard found")
