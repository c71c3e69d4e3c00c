"""What every kind of job may ask for."""

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from api.explain.fence import Fence
from api.requests.format import ResponseFormatField
from api.requests.webhooks import WebhookFields
from api.schemas import LIMITS, SpokenText, at_most, clean, length, number
from common.job import JobKind, OnDisconnect
from common.prompt import Prompt
from common.queues import Priority


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


StopString = Annotated[str, length("stop string"), AfterValidator(clean)]
MetadataKey = Annotated[str, length("metadata key"), AfterValidator(clean)]
MetadataValue = Annotated[str, length("metadata value"), AfterValidator(clean)]


class JobRequest(WebhookFields):
    """What every kind of job may ask for."""

    job_kind: ClassVar[JobKind]
    prompt_field: ClassVar[str]  #: the field to blame for a prompt that is too long

    def to_prompt(self, fence: Fence) -> Prompt:
        """What the model is asked; ``fence`` keeps data apart from what we say."""
        raise NotImplementedError

    @property
    def route(self) -> str:
        """The part of /v1 that was asked; empty for the native API."""
        return ""

    def view_fields(self) -> dict[str, str]:
        """Record fields that only the view in /v1 needs."""
        return {}

    system_prompt: Annotated[str, length("system_prompt"), SpokenText] | None = Field(
        None, description="Who the model is and how it should answer"
    )
    max_tokens: int = number(
        "max_tokens", "Tokens to generate at most; the end of the context may come first"
    )
    temperature: float = number("temperature", "0 always takes the most probable token")
    top_p: float = number("top_p", "Sample from the smallest set with this probability; 1 is off")
    top_k: int = number("top_k", "Sample from so many of the most probable tokens; 0 is off")
    stop: (
        Annotated[
            list[StopString],
            BeforeValidator(_listed, json_schema_input_type=str | list[str]),
            Field(min_length=int(LIMITS["stop"].minimum), max_length=int(LIMITS["stop"].maximum)),
            at_most("stop"),
        ]
        | None
    ) = Field(None, description="A string, or up to 8; the text ends before the first one")
    seed: int | None = number("seed", "Makes a generation reproducible")
    logprobs: int | None = number(
        "logprobs", "Keep each token's log-probability, with so many alternatives"
    )
    response_format: ResponseFormatField | None = Field(
        None, description="`text`, `json_object`, or `json_schema` with a schema to follow"
    )
    priority: Priority = Field(Priority.NORMAL, description="Which queue the job waits in")
    deadline_seconds: float | None = number(
        "deadline_seconds", "From now; the job expires if it has not ended by then"
    )
    queue_ttl_seconds: int = number("queue_ttl_seconds", "How long it may wait for a free slot")
    timeout_seconds: int | None = number(
        "timeout_seconds", "Run time over all attempts; at most REQUEST_TIMEOUT, its default"
    )
    result_ttl_seconds: int | None = number(
        "result_ttl_seconds", "How long the result is kept; RESULT_TTL_SECONDS by default"
    )
    on_disconnect: OnDisconnect = Field(
        OnDisconnect.CONTINUE,
        description="What becomes of the job when a client that waits for it or streams it leaves",
    )
    metadata: Annotated[dict[MetadataKey, MetadataValue], at_most("metadata")] = Field(
        default_factory=dict, max_length=16, description="Yours; comes back with the job"
    )
