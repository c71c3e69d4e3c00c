"""How the text of a response must look: OpenAI writes it flatter than for chat."""

import json
from typing import Annotated, Any, Literal

from pydantic import Field

from api.requests.format import JsonObjectFormat, NamedSchema, TextFormat
from api.schemas import Body
from api.v1.fields import Only
from common.sampling import ResponseFormat


class FlatSchemaFormat(NamedSchema):
    """JSON that the schema describes."""

    type: Literal["json_schema"]

    def wanted(self) -> ResponseFormat | None:
        """What the engine is told."""
        return ResponseFormat(json.dumps(self.schema_), self.name, self.strict is not False)


class TextConfig(Body):
    """The format; a verbosity is not supported."""

    format: (
        Annotated[
            TextFormat | JsonObjectFormat | FlatSchemaFormat,
            Field(discriminator="type"),
        ]
        | None
    ) = None
    verbosity: Annotated[Any, Only("medium")] = None

    def wanted(self) -> ResponseFormat | None:
        """What the engine is told."""
        return self.format.wanted() if self.format else None


def format_view(wanted: ResponseFormat | None) -> dict[str, Any]:
    """The format as the response repeats it."""
    if wanted is None:
        return {"type": "text"}
    if not wanted.name:
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "name": wanted.name,
        "schema": json.loads(wanted.schema),
        "strict": wanted.strict,
    }
