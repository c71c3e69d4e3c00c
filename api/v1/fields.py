"""What the bodies of /v1 are made of: the fields that they share, and those they refuse."""

import json
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
)
from pydantic_core import CoreSchema, core_schema

from api.requests.job import MetadataKey, MetadataValue, StopString
from api.requests.webhooks import WebhookFields
from api.schemas import LIMITS, Body, OutOfLimits, Shape, at_most, clean, length
from api.v1.tiers import ServiceTier
from common.job import OnDisconnect


class Misfit(OutOfLimits):
    """A value that no limit of the table describes; ``path`` leads to it from its field."""

    def __init__(self, path: str, limit: str, value: Any, message: str) -> None:
        ValueError.__init__(self, message)
        self.path, self.limit, self.value = path, limit, value


class Only:
    """A field of OpenAI's that is taken when it asks for nothing: null, or one of ``neutral``."""

    def __init__(self, *neutral: Any) -> None:
        self._neutral = neutral

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"enum": [None, *self._neutral], "description": "Nothing else is supported"}

    def _check(self, value: Any) -> Any:
        if value is None or any(
            value == one and isinstance(value, bool) == isinstance(one, bool)
            for one in self._neutral
        ):
            return value
        taken = " or ".join(["null", *map(json.dumps, self._neutral)])
        raise Misfit("", taken, value, f"is not supported here: leave it out, or send {taken}")


def maybe(name: str, description: str) -> Any:
    """A strict number or null, with the limits of ``name``."""
    limit = LIMITS[name]
    return Field(
        None,
        description=description,
        strict=True,
        gt=limit.minimum if limit.above else None,
        ge=None if limit.above else limit.minimum,
        le=limit.maximum,
    )


class TextPart(Shape):
    """A piece of a message; other kinds (images, audio, files) are refused."""

    model_config = ConfigDict(extra="ignore")

    type: str
    text: str


#: Kinds of parts that are text. Answers that are sent back hold ``output_text``.
_TEXT_PARTS = ("text", "input_text", "output_text")


def _joined(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    return "\n".join(_text(part, f"{index}") for index, part in enumerate(content))


def _text(part: Any, path: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind not in _TEXT_PARTS:
        raise Misfit(
            f"{path}.type", "text", kind, f"is {json.dumps(kind)}: only text is supported here"
        )
    if not isinstance(part.get("text"), str):
        raise Misfit(f"{path}.text", "a string", part.get("text"), "must be a string")
    return str(part["text"])


Text = Annotated[str, length("message"), AfterValidator(clean)]
#: A string, or parts of text, which are joined.
Content = Annotated[Text, BeforeValidator(_joined, json_schema_input_type=str | list[TextPart])]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Stop = Annotated[
    list[StopString],
    BeforeValidator(_listed, json_schema_input_type=str | list[str]),
    Field(max_length=int(LIMITS["stop"].maximum)),
    at_most("stop"),
]
Label = Annotated[str, length("label"), AfterValidator(clean)]


class OpenAIBody(WebhookFields):
    """What all three ways to ask have in common; then what only this service takes."""

    model: Annotated[str, length("model")] = Field(description="A name of GET /v1/models")
    temperature: float | None = maybe("temperature", "0 is greedy; null is 1")
    top_p: float | None = maybe("top_p", "Null is 1")
    stream: bool | None = Field(None, strict=True, description="Server-sent events")
    service_tier: ServiceTier | None = Field(None, description="The queue: see docs/openai.md")
    metadata: (
        Annotated[
            dict[MetadataKey, MetadataValue],
            Field(max_length=int(LIMITS["metadata"].maximum)),
            at_most("metadata"),
        ]
        | None
    ) = None
    user: Label | None = Field(None, description="A label of yours; changes nothing")
    safety_identifier: Label | None = Field(None, description="A label of yours; changes nothing")
    prompt_cache_key: Label | None = Field(None, description="A label of yours; changes nothing")

    top_k: int | None = maybe("top_k", "Not OpenAI's. Sample from so many tokens; 0 is off")
    on_disconnect: OnDisconnect | None = Field(
        None,
        description="Not OpenAI's. What becomes of the job when its client leaves: `cancel`, "
        "the default here, or `continue`, the default in the background",
    )
    deadline_seconds: float | None = maybe("deadline_seconds", "Not OpenAI's. See POST /generate")
    queue_ttl_seconds: int | None = maybe("queue_ttl_seconds", "Not OpenAI's. See POST /generate")
    timeout_seconds: int | None = maybe("timeout_seconds", "Not OpenAI's. See POST /generate")
    result_ttl_seconds: int | None = maybe("result_ttl_seconds", "Not OpenAI's. See POST /generate")


class StreamOptions(Body):
    """What a stream holds besides text."""

    include_usage: bool | None = Field(None, strict=True)
    include_obfuscation: Annotated[Any, Only(False)] = None
