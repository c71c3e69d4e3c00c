"""What clients may send, and the one table of every field's default and limits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
)

from common.job import OnDisconnect
from common.queues import Priority


@dataclass(frozen=True, slots=True)
class Limit:
    """The default and the bounds of one field; ``unit`` is what the bounds count."""

    minimum: float
    maximum: float
    default: Any = None
    unit: str = ""
    above: bool = False

    def __str__(self) -> str:
        above = "above " if self.above else ""
        return f"{above}{self.minimum}..{self.maximum} {self.unit}".rstrip()


#: Every field with a limit. OpenAPI shows these numbers, and a 422 quotes them.
LIMITS: Mapping[str, Limit] = {
    "prompt": Limit(1, 100_000, unit="characters"),
    "system_prompt": Limit(1, 20_000, unit="characters"),
    "max_tokens": Limit(1, 4096, 200, "tokens"),
    "temperature": Limit(0, 2, 0.1),
    "top_p": Limit(0, 1, 1.0, above=True),
    "top_k": Limit(0, 1000, 0),
    "stop": Limit(1, 8, unit="strings"),
    "stop string": Limit(1, 64, unit="characters"),
    "seed": Limit(0, 2**63 - 1),
    "deadline_seconds": Limit(0, 604_800, unit="seconds", above=True),
    "queue_ttl_seconds": Limit(1, 604_800, 3600, "seconds"),
    "timeout_seconds": Limit(1, 86_400, unit="seconds"),
    "result_ttl_seconds": Limit(60, 604_800, unit="seconds"),
    "metadata": Limit(0, 16, unit="pairs"),
    "metadata key": Limit(1, 64, unit="characters"),
    "metadata value": Limit(0, 512, unit="characters"),
    "context": Limit(1, 64, unit="keys"),
    "context key": Limit(1, 64, unit="characters"),
    "context text": Limit(0, 2000, unit="characters"),
    "context list": Limit(0, 100, unit="items"),
    "context depth": Limit(1, 3, unit="levels"),
    "analysis_type": Limit(1, 64, unit="characters"),
    "symbol": Limit(1, 32, unit="characters"),
    "username": Limit(1, 64, unit="characters"),
    "password": Limit(1, 256, unit="characters"),
    "limit": Limit(1, 100, 20, "jobs"),
    "Idempotency-Key": Limit(1, 255, unit="visible ASCII characters"),
}


class OutOfLimits(ValueError):
    """A value beyond the limit ``name``; ``path`` leads to it from the validated model."""

    def __init__(self, path: str, name: str, value: Any, message: str) -> None:
        super().__init__(message)
        self.path, self.limit, self.value = path, str(LIMITS[name]), value


_UNSPEAKABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def clean(text: str) -> str:
    """The text; raises ValueError at what is no text: control characters, half surrogates."""
    found = _UNSPEAKABLE.search(text)
    if found:
        raise ValueError(f"has U+{ord(found[0]):04X}, which is no text, at {found.start()}")
    return text


def _spoken(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty or only whitespace")
    return clean(text)


def number(name: str, description: str) -> Any:
    """A strict number with the limits of ``name``."""
    limit = LIMITS[name]
    return Field(
        limit.default,
        description=description,
        strict=True,
        gt=limit.minimum if limit.above else None,
        ge=None if limit.above else limit.minimum,
        le=limit.maximum,
    )


def length(name: str) -> StringConstraints:
    """A string with the limits of ``name``."""
    limit = LIMITS[name]
    return StringConstraints(min_length=int(limit.minimum), max_length=int(limit.maximum))


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


StopString = Annotated[str, length("stop string"), AfterValidator(clean)]
MetadataKey = Annotated[str, length("metadata key"), AfterValidator(clean)]
MetadataValue = Annotated[str, length("metadata value"), AfterValidator(clean)]
SpokenText = AfterValidator(_spoken)


class Body(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class JobRequest(Body):
    """What every kind of job may ask for."""

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
        ]
        | None
    ) = Field(None, description="A string, or up to 8; the text ends before the first one")
    seed: int | None = number("seed", "Makes a generation reproducible")
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
    metadata: dict[MetadataKey, MetadataValue] = Field(
        default_factory=dict, max_length=16, description="Yours; comes back with the job"
    )


class GenerateRequest(JobRequest):
    """Generate text from a prompt."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"prompt": "The future of AI is", "max_tokens": 50}]}
    )

    prompt: Annotated[str, length("prompt"), SpokenText] = Field(
        description="What the user says; longer than the model's context is refused"
    )


class LoginRequest(Body):
    """A user name and its password."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"username": "admin", "password": "admin123"}]}
    )

    username: Annotated[str, length("username")]
    password: SecretStr = Field(min_length=1, max_length=int(LIMITS["password"].maximum))
