"""Completions, the old way to ask: raw text in, its continuation out."""

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from api.schemas import SpokenText, length
from api.v1.asked import ViewRequest, view_request
from api.v1.fields import Misfit, Only, OpenAIBody, Stop, StreamOptions, maybe
from api.v1.pieces import completion_usage, created, fingerprint, finish_reason, model
from common.job import Api, Job
from common.logprobs import TokenLogprobs
from common.prompt import Prompt

#: OpenAI's default, not ours.
MAX_TOKENS = 16


def _single(prompt: Any) -> Any:
    """One prompt, or a list of one. Raises Misfit for more, and for token ids."""
    if not isinstance(prompt, list):
        return prompt
    if not all(isinstance(one, str) for one in prompt):
        raise Misfit("", "text", None, "must be text: token ids are not supported here")
    if len(prompt) != 1:
        raise Misfit("", "1 prompt", len(prompt), f"holds {len(prompt)} prompts: send one")
    return prompt[0]


class CompletionBody(OpenAIBody):
    """What POST /v1/completions takes."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"model": "SmolLM2-135M-Instruct", "prompt": "Once upon a time", "max_tokens": 30}
            ]
        }
    )

    prompt: Annotated[
        str,
        length("prompt"),
        SpokenText,
        BeforeValidator(_single, json_schema_input_type=str | list[str]),
    ]
    max_tokens: int | None = maybe(
        "max_tokens", f"Tokens to generate at most; null is {MAX_TOKENS}"
    )
    stop: Stop | None = Field(None, description="A string, or up to 8")
    seed: int | None = maybe("seed", "Makes an answer reproducible")
    logprobs: int | None = maybe("completion logprobs", "Alternatives to show with each token")
    stream_options: StreamOptions | None = None

    n: Annotated[Any, Only(1)] = None
    best_of: Annotated[Any, Only(1)] = None
    echo: Annotated[Any, Only(False)] = None
    suffix: Annotated[Any, Only("")] = None
    frequency_penalty: Annotated[Any, Only(0)] = None
    presence_penalty: Annotated[Any, Only(0)] = None
    logit_bias: Annotated[Any, Only({})] = None

    @model_validator(mode="after")
    def _fits_together(self) -> "CompletionBody":
        if self.stream_options is not None and not self.stream:
            raise Misfit("stream_options", "with stream", None, "needs stream: true")
        return self


def to_request(body: CompletionBody) -> tuple[ViewRequest, Prompt]:
    """The job that ``body`` asks for, and its prompt."""
    options = body.stream_options
    request = view_request(
        Api.COMPLETIONS,
        body,
        max_tokens=MAX_TOKENS if body.max_tokens is None else body.max_tokens,
        asked={"include_usage": True} if options and options.include_usage else {},
        stop=body.stop or None,
        seed=body.seed,
        logprobs=body.logprobs,
    )
    return request, Prompt(text=body.prompt)


def from_job(job: Job) -> dict[str, Any]:
    """The text_completion of a completed job."""
    tokens = job.logprobs
    return {
        "id": job.id,
        "object": "text_completion",
        "created": created(job),
        "model": model(job),
        "choices": [
            {
                "index": 0,
                "text": job.text,
                "logprobs": None if tokens is None else legacy_logprobs(tokens, 0),
                "finish_reason": finish_reason(job),
            }
        ],
        "usage": completion_usage(job),
        "system_fingerprint": fingerprint(job),
    }


def legacy_logprobs(tokens: list[TokenLogprobs], offset: int) -> dict[str, Any]:
    """Four lists, one entry a token; ``offset`` characters came before."""
    shown = [token for token in tokens if token.chosen.data]
    offsets = []
    for token in shown:
        offsets.append(offset)
        offset += len(token.chosen.text)
    return {
        "tokens": [token.chosen.text for token in shown],
        "token_logprobs": [token.chosen.logprob for token in shown],
        "top_logprobs": [{one.text: one.logprob for one in token.top} for token in shown],
        "text_offset": offsets,
    }
