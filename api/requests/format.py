"""How an answer must look: free text, any JSON object, or JSON that a schema describes."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, PlainSerializer, Tag, WrapValidator

from api.schemas import LIMITS, Body
from common.json_grammar import check_schema
from common.sampling import ResponseFormat


def _holdable(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema; raises ValueError if it is too large, or no answer can be held to it."""
    limit = LIMITS["schema"]
    text = json.dumps(schema)
    if len(text) > limit.maximum:
        raise ValueError(f"has {len(text)} {limit.unit}, and {limit.maximum} are allowed")
    check_schema(text)
    return schema


class TextFormat(Body):
    """Free text."""

    type: Literal["text"]

    def wanted(self) -> ResponseFormat | None:
        """What the engine is told."""
        return None


class JsonObjectFormat(Body):
    """Any JSON object; say in the prompt which."""

    type: Literal["json_object"]

    def wanted(self) -> ResponseFormat | None:
        """What the engine is told."""
        return ResponseFormat()


class NamedSchema(Body):
    """A JSON Schema; `strict` is accepted, and an answer always follows the schema."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: str | None = Field(None, max_length=1024)
    schema_: Annotated[dict[str, Any], AfterValidator(_holdable)] = Field(alias="schema")
    strict: bool | None = None


class JsonSchemaFormat(Body):
    """JSON that the schema describes."""

    type: Literal["json_schema"]
    json_schema: NamedSchema

    def wanted(self) -> ResponseFormat | None:
        """What the engine is told."""
        named = self.json_schema
        return ResponseFormat(json.dumps(named.schema_), named.name, named.strict is not False)


def _wanted(value: Any, validate: Callable[[Any], Any]) -> ResponseFormat | None:
    if isinstance(value, ResponseFormat):
        return value
    body: TextFormat | JsonObjectFormat | JsonSchemaFormat = validate(value)
    return body.wanted()


def _dump(value: ResponseFormat | None) -> dict[str, Any] | None:
    return None if value is None else asdict(value)


def _type(body: Any) -> str:
    """The member's tag; the sign before it keeps it out of the paths of errors."""
    return f"={body.get('type')}" if isinstance(body, dict) else "="


#: A field of a request; validated, it is what the engine is told.
ResponseFormatField = Annotated[
    Annotated[
        Annotated[TextFormat, Tag("=text")]
        | Annotated[JsonObjectFormat, Tag("=json_object")]
        | Annotated[JsonSchemaFormat, Tag("=json_schema")],
        Discriminator(
            _type,
            custom_error_type="response_format",
            custom_error_message="must have the type text, json_object or json_schema",
        ),
    ],
    WrapValidator(_wanted),
    PlainSerializer(_dump),
]
