"""Requests and streamed answers of /v1/chat/completions and /v1/completions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.logprobs import Likelihood, TokenLogprobs
from common.prompt import Prompt
from common.sampling import ResponseFormat, Sampling
from worker.engines.base import EngineError

#: The most stop strings that OpenAI itself takes; we look for all of them ourselves.
MAX_STOP = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """What an upstream sent as one token."""

    text: str
    logprobs: TokenLogprobs | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What the upstream counted."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int


@dataclass(frozen=True, slots=True)
class Delta:
    """One event of a stream."""

    pieces: tuple[Piece, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None


def request_of(
    model: str, prompt: Prompt, sampling: Sampling, *, logprobs: bool
) -> tuple[str, dict[str, Any]]:
    """The path and the body that ask for what ``sampling`` says; a stream with usage."""
    body: dict[str, Any] = {
        "model": model,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        **({"top_k": sampling.top_k} if sampling.top_k else {}),
        **({"stop": list(sampling.stop[:MAX_STOP])} if sampling.stop else {}),
        **({} if sampling.seed is None else {"seed": sampling.seed}),
    }
    if sampling.response_format is not None:
        body["response_format"] = _format(sampling.response_format)
    alternatives = max(1, sampling.logprobs or 0)
    if prompt.text is not None:
        known = {"logprobs": alternatives} if logprobs else {}
        return "completions", {**body, **known, "prompt": prompt.text}
    known = {"logprobs": True, "top_logprobs": alternatives} if logprobs else {}
    return "chat/completions", {**body, **known, **prompt.to_dict()}


def parse_delta(event: Mapping[str, Any], alternatives: int) -> Delta:
    """Read one event of either stream, with so many alternatives to each token.

    Raises EngineError for one that is of another form.
    """
    try:
        return _delta(event, alternatives)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise EngineError(f"the upstream sent an event that cannot be read: {error}") from error


def _delta(event: Mapping[str, Any], alternatives: int) -> Delta:
    choice: Mapping[str, Any] = next(iter(event.get("choices") or ()), {})
    text = choice.get("text") or (choice.get("delta") or {}).get("content") or ""
    if not isinstance(text, str):
        raise TypeError("its text is none")
    tokens = _logprobs(choice.get("logprobs") or {}, alternatives)
    return Delta(_pieces(text, tokens), choice.get("finish_reason"), _usage(event.get("usage")))


def _pieces(text: str, tokens: Sequence[TokenLogprobs]) -> tuple[Piece, ...]:
    """One piece a token: the text goes to the last where it is not simply all of theirs."""
    if not tokens:
        return (Piece(text),) if text else ()
    texts = [token.chosen.text for token in tokens]
    if "".join(texts) != text:
        texts = [""] * (len(tokens) - 1) + [text]
    return tuple(Piece(*pair) for pair in zip(texts, tokens, strict=True))


def _logprobs(raw: Mapping[str, Any], alternatives: int) -> list[TokenLogprobs]:
    if raw.get("content") is not None:
        return [
            TokenLogprobs(
                _likelihood(row),
                tuple(_likelihood(top) for top in (row.get("top_logprobs") or ())[:alternatives]),
            )
            for row in raw["content"]
        ]
    tokens = raw.get("tokens") or ()
    tops = raw.get("top_logprobs") or [{}] * len(tokens)
    return [
        TokenLogprobs(
            Likelihood(text.encode(), logprob or 0.0),
            tuple(Likelihood(t.encode(), p) for t, p in list((top or {}).items())[:alternatives]),
        )
        for text, logprob, top in zip(tokens, raw.get("token_logprobs") or (), tops, strict=False)
    ]


def _likelihood(row: Mapping[str, Any]) -> Likelihood:
    spelled = row.get("bytes")
    data = str(row.get("token", "")).encode() if spelled is None else bytes(spelled)
    return Likelihood(data, float(row.get("logprob") or 0.0))


def _usage(raw: Mapping[str, Any] | None) -> Usage | None:
    if not raw:
        return None
    details = raw.get("prompt_tokens_details") or {}
    return Usage(
        int(raw.get("prompt_tokens") or 0),
        int(raw.get("completion_tokens") or 0),
        int(details.get("cached_tokens") or 0),
    )


def _format(wanted: ResponseFormat) -> dict[str, Any]:
    if not wanted.name:
        return {"type": "json_object"}
    named = {"name": wanted.name, "schema": json.loads(wanted.schema), "strict": wanted.strict}
    return {"type": "json_schema", "json_schema": named}
