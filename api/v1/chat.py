"""Chat completions: a conversation in, one message out."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from api.requests.format import ResponseFormatField
from api.schemas import LIMITS, Body
from api.v1.asked import ViewRequest, view_request
from api.v1.fields import Content, Misfit, Only, OpenAIBody, Stop, StreamOptions, maybe
from api.v1.pieces import (
    completion_usage,
    created,
    fingerprint,
    finish_reason,
    model,
    token_logprobs,
)
from api.v1.tiers import tier_of
from common.job import Api, Job
from common.prompt import Message, Prompt, Role


class ChatMessage(Body):
    """One turn, of text. An answer may be sent back as it came."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Content
    name: Annotated[Any, Only()] = None
    refusal: Annotated[Any, Only()] = None
    audio: Annotated[Any, Only()] = None
    annotations: Annotated[Any, Only([])] = None
    function_call: Annotated[Any, Only()] = None
    tool_calls: Annotated[Any, Only([])] = None
    parsed: Any = Field(None, description="What the SDK's `parse` made of an answer; ignored")


class ChatBody(OpenAIBody):
    """What POST /v1/chat/completions takes."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "SmolLM2-135M-Instruct",
                    "messages": [{"role": "user", "content": "What is an option?"}],
                    "max_completion_tokens": 50,
                }
            ]
        }
    )

    messages: list[ChatMessage] = Field(
        min_length=int(LIMITS["messages"].minimum), max_length=int(LIMITS["messages"].maximum)
    )
    max_completion_tokens: int | None = maybe("max_tokens", "Tokens to generate at most")
    max_tokens: int | None = maybe("max_tokens", "The old name of max_completion_tokens")
    stop: Stop | None = Field(None, description="A string, or up to 8")
    seed: int | None = maybe("seed", "Makes an answer reproducible")
    logprobs: bool | None = Field(None, strict=True)
    top_logprobs: int | None = maybe("top_logprobs", "Alternatives to show with each token")
    stream_options: StreamOptions | None = None
    response_format: ResponseFormatField | None = None

    n: Annotated[Any, Only(1)] = None
    store: Annotated[Any, Only(False)] = None
    frequency_penalty: Annotated[Any, Only(0)] = None
    presence_penalty: Annotated[Any, Only(0)] = None
    logit_bias: Annotated[Any, Only({})] = None
    modalities: Annotated[Any, Only(["text"])] = None
    audio: Annotated[Any, Only()] = None
    prediction: Annotated[Any, Only()] = None
    tools: Annotated[Any, Only([])] = None
    tool_choice: Annotated[Any, Only("none", "auto")] = None
    parallel_tool_calls: Annotated[Any, Only(True, False)] = None
    functions: Annotated[Any, Only([])] = None
    function_call: Annotated[Any, Only("none", "auto")] = None
    reasoning_effort: Annotated[Any, Only("none")] = None
    verbosity: Annotated[Any, Only("medium")] = None
    web_search_options: Annotated[Any, Only()] = None
    moderation: Annotated[Any, Only()] = None
    prompt_cache_options: Annotated[Any, Only()] = None
    prompt_cache_retention: Annotated[Any, Only("in_memory")] = None

    @model_validator(mode="after")
    def _fits_together(self) -> "ChatBody":
        if self.top_logprobs is not None and not self.logprobs:
            raise Misfit("top_logprobs", "with logprobs", None, "needs logprobs: true")
        if self.stream_options is not None and not self.stream:
            raise Misfit("stream_options", "with stream", None, "needs stream: true")
        return self


def to_request(body: ChatBody) -> tuple[ViewRequest, Prompt]:
    """The job that ``body`` asks for, and its prompt."""
    wanted = body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens
    options = body.stream_options
    request = view_request(
        Api.CHAT,
        body,
        max_tokens=wanted,
        asked={"include_usage": True} if options and options.include_usage else {},
        stop=body.stop or None,
        seed=body.seed,
        logprobs=(body.top_logprobs or 0) if body.logprobs else None,
        response_format=body.response_format,
    )
    return request, Prompt(messages=tuple(_message(one) for one in body.messages))


def from_job(job: Job) -> dict[str, Any]:
    """The chat.completion of a completed job."""
    return {
        "id": job.id,
        "object": "chat.completion",
        "created": created(job),
        "model": model(job),
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": job.text,
                    "refusal": None,
                    "annotations": [],
                },
                "logprobs": _logprobs(job),
                "finish_reason": finish_reason(job),
            }
        ],
        "usage": completion_usage(job),
        "service_tier": tier_of(job),
        "system_fingerprint": fingerprint(job),
    }


def _logprobs(job: Job) -> dict[str, Any] | None:
    tokens = job.logprobs
    return None if tokens is None else {"content": token_logprobs(tokens), "refusal": None}


def _message(given: ChatMessage) -> Message:
    role = "system" if given.role == "developer" else given.role
    return Message(Role(role), given.content)
