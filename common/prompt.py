"""What a job asks of the model: a conversation, or raw text."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class PromptError(ValueError):
    """The prompt cannot be given to the model; the sentence says why."""


class Role(StrEnum):
    """Who speaks in a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation. Raises PromptError where ``content`` is not Unicode."""

    role: Role
    content: str

    def __post_init__(self) -> None:
        _check_unicode(self.content)


@dataclass(frozen=True, slots=True)
class Prompt:
    """Either ``messages``, laid out by the model's chat template, or raw ``text``.

    Raises PromptError unless exactly one of the two is given, in Unicode.
    """

    messages: tuple[Message, ...] = ()
    text: str | None = None

    def __post_init__(self) -> None:
        if bool(self.messages) == (self.text is not None):
            raise PromptError("a prompt is either messages or text")
        _check_unicode(self.text or "")

    @property
    def plain_text(self) -> str:
        """The whole prompt for a model that knows no conversations."""
        if self.text is not None:
            return self.text
        return "\n\n".join(message.content for message in self.messages)

    @property
    def characters(self) -> int:
        """How long all of it is."""
        return len(self.text or "") + sum(len(message.content) for message in self.messages)

    def to_dict(self) -> dict[str, Any]:
        """The form in which a job record keeps it (JSON)."""
        if self.text is not None:
            return {"text": self.text}
        return {"messages": [{"role": m.role.value, "content": m.content} for m in self.messages]}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Read what ``to_dict`` wrote. Raises PromptError."""
        try:
            messages = tuple(
                Message(Role(message["role"]), message["content"])
                for message in record.get("messages", ())
            )
        except (KeyError, TypeError, ValueError) as error:
            raise PromptError(f"not a prompt: {error}") from error
        return cls(messages=messages, text=record.get("text"))


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PromptError(f"half a surrogate pair at character {error.start}") from error
