"""Responses: instructions and input in, a stored response out."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from api.v1.asked import ViewRequest, view_request
from api.v1.fields import Misfit, Only, OpenAIBody, StreamOptions, maybe
from api.v1.input import Input, Instructions
from api.v1.text import TextConfig
from common.job import Api, OnDisconnect
from common.prompt import Message, Prompt, Role

#: How long a response is kept that nobody wants to be stored: for a retry of the call.
UNSTORED_SECONDS = 60
_WITH_LOGPROBS = "message.output_text.logprobs"


class ResponseBody(OpenAIBody):
    """What POST /v1/responses takes."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "SmolLM2-135M-Instruct",
                    "instructions": "Answer in one sentence.",
                    "input": "What is an option?",
                    "background": True,
                }
            ]
        }
    )

    input: Input | None = Field(None, description="Text, or messages")
    instructions: Instructions | None = Field(None, description="A system message, before all")
    max_output_tokens: int | None = maybe("max_tokens", "Tokens to generate at most")
    background: bool | None = Field(None, strict=True, description="Answer at once; poll or stream")
    store: bool | None = Field(None, strict=True, description="False: nobody can retrieve it")
    top_logprobs: int | None = maybe("top_logprobs", "Alternatives to show with each token")
    include: list[str] | None = Field(None, description=f"`{_WITH_LOGPROBS}`, and nothing else")
    stream_options: StreamOptions | None = None
    text: TextConfig | None = None
    tool_choice: Annotated[Any, Only("auto", "none")] = None
    parallel_tool_calls: bool | None = Field(None, strict=True, description="Means nothing here")

    tools: Annotated[Any, Only([])] = None
    max_tool_calls: Annotated[Any, Only()] = None
    previous_response_id: Annotated[Any, Only()] = None
    conversation: Annotated[Any, Only()] = None
    prompt: Annotated[Any, Only()] = None
    reasoning: Annotated[Any, Only({})] = None
    truncation: Annotated[Any, Only("disabled")] = None
    moderation: Annotated[Any, Only()] = None
    access_programs: Annotated[Any, Only()] = None
    background_options: Annotated[Any, Only()] = None
    context_management: Annotated[Any, Only([])] = None
    image: Annotated[Any, Only()] = None
    prompt_cache_options: Annotated[Any, Only()] = None
    prompt_cache_retention: Annotated[Any, Only("in_memory")] = None

    @model_validator(mode="after")
    def _fits_together(self) -> "ResponseBody":
        if not self.input and self.instructions is None:
            raise Misfit("input", "required", None, "is missing")
        for index, wanted in enumerate(self.include or ()):
            if wanted != _WITH_LOGPROBS:
                raise Misfit(f"include.{index}", _WITH_LOGPROBS, wanted, "is not supported here")
        if self.background and self.store is False:
            raise Misfit("store", "with background", False, "must be true in the background")
        if self.stream_options is not None and not self.stream:
            raise Misfit("stream_options", "with stream", None, "needs stream: true")
        return self


def to_request(body: ResponseBody) -> tuple[ViewRequest, Prompt]:
    """The job that ``body`` asks for, and its prompt."""
    request = view_request(
        Api.RESPONSES,
        body,
        max_tokens=body.max_output_tokens,
        on_disconnect=OnDisconnect.CONTINUE if body.background else OnDisconnect.CANCEL,
        asked=_asked(body),
        logprobs=_logprobs(body),
        response_format=body.text.wanted() if body.text else None,
    )
    if body.store is False:
        request = request.model_copy(update={"result_ttl_seconds": UNSTORED_SECONDS})
    given = body.input or []
    turns = [Message(_ROLES[one.role], one.content) for one in given]
    if body.instructions is not None:
        turns.insert(0, Message(Role.SYSTEM, body.instructions))
    return request, Prompt(messages=tuple(turns))


_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
}


def _logprobs(body: ResponseBody) -> int | None:
    if body.top_logprobs:
        return body.top_logprobs
    return 0 if body.include else None


def _asked(body: ResponseBody) -> dict[str, Any]:
    """What the response repeats, where it is not what everybody asks for."""
    said = {
        "instructed": True if body.instructions is not None else None,
        "background": body.background or None,
        "store": body.store,
        "max_output_tokens": body.max_output_tokens,
        "parallel_tool_calls": body.parallel_tool_calls,
        "tool_choice": body.tool_choice,
        "user": body.user,
        "safety_identifier": body.safety_identifier,
        "prompt_cache_key": body.prompt_cache_key,
    }
    return {name: value for name, value in said.items() if value is not None}
