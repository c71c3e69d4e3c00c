"""The one table of every field's default and limits, and what request models are made of."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticKnownError


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
    "new password": Limit(8, 256, unit="characters"),
    "key name": Limit(1, 64, unit="characters"),
    "limit": Limit(1, 100, 20, "jobs"),
    "model": Limit(1, 256, unit="characters"),
    "message": Limit(0, 100_000, unit="characters"),
    "messages": Limit(1, 256, unit="messages"),
    "label": Limit(0, 512, unit="characters"),
    "top_logprobs": Limit(0, 20, unit="tokens"),
    "completion logprobs": Limit(0, 5, unit="tokens"),
    "logprobs": Limit(0, 20, unit="tokens"),
    "logprobs kept": Limit(0, 40_960, unit="log-probabilities"),
    "schema": Limit(2, 16_384, unit="characters of JSON"),
    "webhook_url": Limit(8, 2048, unit="characters"),
    "url": Limit(8, 2048, unit="characters"),
    "events": Limit(1, 14, unit="events"),
    "webhook_events": Limit(1, 14, unit="events"),
    "description": Limit(0, 256, unit="characters"),
    "endpoints": Limit(0, 20, unit="endpoints"),
    "Idempotency-Key": Limit(1, 255, unit="visible ASCII characters"),
}


class OutOfLimits(ValueError):
    """A value beyond the limit ``name``; ``path`` leads to it from the validated model."""

    def __init__(self, path: str, name: str, value: Any, message: str) -> None:
        super().__init__(message)
        self.path, self.limit, self.value = path, str(LIMITS[name]), value


#: More than any body of ours has.
MOST_FIELDS = 64

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


SpokenText = AfterValidator(_spoken)


def at_most(name: str) -> BeforeValidator:
    """Refuse a list or an object with too many entries before any of them is looked at.

    pydantic looks at all, and words an error for each: a megabyte of them takes half a second.
    """
    most = int(LIMITS[name].maximum)

    def check(value: Any) -> Any:
        if isinstance(value, (list, dict)) and len(value) > most:
            kind = "List" if isinstance(value, list) else "Dictionary"
            about = {"field_type": kind, "max_length": most, "actual_length": len(value)}
            raise PydanticKnownError("too_long", about)
        return value

    return BeforeValidator(check)


class Shape(BaseModel):
    """What comes in or goes out. Its validator is made at its first use: most are never used."""

    model_config = ConfigDict(defer_build=True)


class Body(Shape):
    """A request body: unknown fields are refused, and of very many only their number is said."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _has_few_fields(cls, data: Any) -> Any:
        if isinstance(data, dict) and len(data) > MOST_FIELDS:
            raise ValueError(f"has {len(data)} fields, and no request has {MOST_FIELDS}")
        return data
