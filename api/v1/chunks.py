"""The streams of chat and completions: chunks of one choice, then ``[DONE]``."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Protocol
from uuid import uuid4

from api.follow import Ended, Follower, Lost, Moved, Told
from api.stream import KEEPALIVE
from api.v1.completions import legacy_logprobs
from api.v1.frames import DONE, data_frame
from api.v1.outcome import problem_of
from api.v1.pieces import (
    completion_usage,
    created,
    fingerprint,
    finish_reason,
    model,
    token_logprobs,
)
from api.v1.tiers import tier_of
from api.views import queue_view
from common.events import Chunk
from common.job import Job
from common.logprobs import load_logprobs


class Shape(Protocol):
    """What tells one stream from the other."""

    object: str

    def opening(self) -> dict[str, Any]:
        """The choice before any text."""

    def waiting(self) -> dict[str, Any]:
        """The choice beside a new place in the queue."""

    def plain(self, text: str) -> dict[str, Any]:
        """The choice that holds this text and nothing else."""

    def text(self, chunk: Chunk) -> dict[str, Any] | None:
        """The choice of a chunk with log-probabilities; None if there is nothing to show."""

    def closing(self, reason: str) -> dict[str, Any]:
        """The choice that says why it ended."""


class ChatShape:
    """``delta``, with the role in the first one only: the SDK joins what comes twice."""

    object = "chat.completion.chunk"

    def opening(self) -> dict[str, Any]:
        return _delta({"role": "assistant", "content": "", "refusal": None})

    def waiting(self) -> dict[str, Any]:
        return _delta({})

    def plain(self, text: str) -> dict[str, Any]:
        return _delta({"content": text})

    def text(self, chunk: Chunk) -> dict[str, Any] | None:
        shown = token_logprobs(load_logprobs(chunk.logprobs))
        if not chunk.text and not shown:
            return None
        return _delta({"content": chunk.text}, {"content": shown, "refusal": None})

    def closing(self, reason: str) -> dict[str, Any]:
        return {**_delta({}), "finish_reason": reason}


class CompletionShape:
    """``text``, and the old form of log-probabilities, which counts characters."""

    object = "text_completion"

    def __init__(self) -> None:
        self._characters = 0

    def opening(self) -> dict[str, Any]:
        return _text("")

    def waiting(self) -> dict[str, Any]:
        return _text("")

    def plain(self, text: str) -> dict[str, Any]:
        return _text(text)

    def text(self, chunk: Chunk) -> dict[str, Any] | None:
        logprobs = legacy_logprobs(load_logprobs(chunk.logprobs), self._characters)
        self._characters += len(chunk.text)
        return {**_text(chunk.text), "logprobs": logprobs}

    def closing(self, reason: str) -> dict[str, Any]:
        return {**_text(""), "finish_reason": reason}


async def chunk_frames(follower: Follower, job: Job, shape: Shape) -> AsyncGenerator[bytes]:
    """The stream of one job, with keep-alives in between."""
    stream = _Chunks(job, shape)
    async with aclosing(follower.events()) as events:
        async for told in events:
            for one in stream.frames(told):
                yield one


class _Chunks:
    def __init__(self, job: Job, shape: Shape) -> None:
        self._shape = shape
        self._opened = False
        self._with_usage = bool(job.asked.get("include_usage"))
        self._head = {
            "id": job.id,
            "object": shape.object,
            "created": created(job),
            "model": model(job),
            "service_tier": tier_of(job),
        }
        self._around = self._around_text()

    def frames(self, told: Told) -> list[bytes]:
        match told:
            case Moved(snapshot):
                return self._place(queue_view(snapshot))
            case Chunk():
                return self._text(told)
            case Ended(snapshot):
                return self._end(snapshot.job)
            case Lost(code, message):
                return [_error(message, "server_error", code), DONE]
        return [KEEPALIVE]

    def _place(self, queue: dict[str, Any] | None) -> list[bytes]:
        """At first the role; while the job waits, its place, beside a choice without text."""
        if self._opened and queue is None:
            return []
        choice = self._shape.waiting() if self._opened else self._shape.opening()
        self._opened = True
        return [self._frame(choice, **({"queue": queue} if queue else {}))]

    def _text(self, chunk: Chunk) -> list[bytes]:
        if chunk.logprobs:
            choice = self._shape.text(chunk)
            return [self._frame(choice)] if choice else []
        before, after = self._around
        return [before + json.dumps(chunk.text).encode() + after] if chunk.text else []

    def _around_text(self) -> tuple[bytes, bytes]:
        """What stands before and after a token's text: made once, since nothing else changes."""
        mark = uuid4().hex
        before, _, after = self._frame(self._shape.plain(mark)).partition(f'"{mark}"'.encode())
        return before, after

    def _end(self, job: Job) -> list[bytes]:
        problem = problem_of(job)
        if problem is not None:
            return [_error(problem.detail, problem.kind, problem.code), DONE]
        frames = [
            self._frame(
                self._shape.closing(finish_reason(job)), system_fingerprint=fingerprint(job)
            )
        ]
        if self._with_usage:
            last = {**self._head, "choices": [], "usage": completion_usage(job)}
            frames.append(data_frame(last))
        return [*frames, DONE]

    def _frame(self, choice: dict[str, Any], **more: Any) -> bytes:
        usage = {"usage": None} if self._with_usage else {}
        return data_frame({**self._head, "choices": [choice], **usage, **more})


def _error(message: str, kind: str, code: str) -> bytes:
    """The SDK raises APIError at a frame with ``error``."""
    return data_frame({"error": {"message": message, "type": kind, "param": None, "code": code}})


def _delta(delta: dict[str, Any], logprobs: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": None}


def _text(text: str) -> dict[str, Any]:
    return {"index": 0, "text": text, "logprobs": None, "finish_reason": None}
