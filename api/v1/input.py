"""The input of a response: text, or the items of a conversation."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from api.schemas import LIMITS, Body, clean, length
from api.v1.fields import Content, Misfit, Only


class InputMessage(Body):
    """A message; an output of an earlier response may be sent as it came."""

    role: Literal["user", "assistant", "system", "developer"]
    content: Content
    type: Literal["message"] | None = None
    id: str | None = Field(None, max_length=128, description="Means nothing here")
    status: Literal["in_progress", "completed", "incomplete"] | None = None
    phase: Annotated[Any, Only()] = None


def _items(given: Any) -> Any:
    """Text as the one message that it is short for; other items than messages are refused."""
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    for index, item in enumerate(given if isinstance(given, list) else ()):
        kind = item.get("type") if isinstance(item, dict) else None
        if kind not in (None, "message"):
            raise Misfit(
                f"{index}.type", "message", kind, "must be message: no other item is supported here"
            )
    return given


Input = Annotated[
    list[InputMessage],
    BeforeValidator(_items, json_schema_input_type=str | list[InputMessage]),
    Field(max_length=int(LIMITS["messages"].maximum)),
]
Instructions = Annotated[str, length("system_prompt"), AfterValidator(clean)]
