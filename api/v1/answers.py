"""What /v1 answers, for its description: see the ``openai`` package for the meaning."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import Shape


class Answer(Shape):
    """OpenAI's shapes hold more than their descriptions here."""

    model_config = ConfigDict(extra="allow")


class ModelObject(Answer):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelListBody(Answer):
    object: Literal["list"]
    data: list[ModelObject]


class CompletionUsageBody(Answer):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatMessageBody(Answer):
    role: Literal["assistant"]
    content: str
    refusal: None


class ChatChoiceBody(Answer):
    index: Literal[0]
    message: ChatMessageBody
    logprobs: dict[str, Any] | None
    finish_reason: Literal["stop", "length"]


class ChatCompletionBody(Answer):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoiceBody]
    usage: CompletionUsageBody
    service_tier: str
    system_fingerprint: str | None


class CompletionChoiceBody(Answer):
    index: Literal[0]
    text: str
    logprobs: dict[str, Any] | None
    finish_reason: Literal["stop", "length"]


class CompletionAnswerBody(Answer):
    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[CompletionChoiceBody]
    usage: CompletionUsageBody


class ResponseObject(Answer):
    id: str
    object: Literal["response"]
    created_at: int
    status: Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]
    model: str
    output: list[dict[str, Any]]
    error: dict[str, Any] | None
    incomplete_details: dict[str, Any] | None
    usage: dict[str, Any] | None
    metadata: dict[str, str]
    queue: dict[str, Any] | None = Field(None, description="Not OpenAI's: its place while queued")


class DeletedBody(Answer):
    id: str
    object: Literal["response.deleted"]
    deleted: Literal[True]


class InputItemsBody(Answer):
    object: Literal["list"]
    data: list[dict[str, Any]]
    first_id: str | None
    last_id: str | None
    has_more: bool


def streams_too(model: type[BaseModel], events: str) -> dict[str, Any]:
    """A 200 of this body, or with ``stream: true`` of events."""
    return {
        "model": model,
        "description": f"The answer; with `stream: true`, {events}",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
