"""A response as a log of events: the same numbers whenever and wherever it is read.

The log is a function of the record alone, so that a stream goes on after its last event's
``sequence_number``, whatever was restarted meanwhile::

    0  response.created             5+i  response.output_text.delta, one for token i
    1  response.queued              5+n  response.output_text.done
    2  response.in_progress         6+n  response.content_part.done
    3  response.output_item.added   7+n  response.output_item.done
    4  response.content_part.added  8+n  response.completed, .incomplete or .failed

A token that releases no text (yet) has an empty delta. A job that ended before its first
token ends its log there and then.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

from api.follow import Ended, Follower, Lost, Moved, Silence, Told
from api.stream import KEEPALIVE
from api.v1 import response_view as view
from api.v1.frames import named_frame, place_comment
from api.v1.pieces import token_logprobs
from common.events import Chunk
from common.job import Job, JobStatus
from common.logprobs import load_logprobs

#: The number of the first token's delta.
FIRST_DELTA = 5


def tokens_known(starting_after: int) -> int:
    """How many tokens a client knows that has seen so far of the log."""
    return max(0, starting_after + 1 - FIRST_DELTA)


async def response_frames(follower: Follower, starting_after: int = -1) -> AsyncGenerator[bytes]:
    """The log after one of its events (-1: all of it), with keep-alives in between."""
    log = ResponseLog()
    async with aclosing(follower.events()) as events:
        async for told in events:
            for event in log.tell(told):
                if event["sequence_number"] > starting_after:
                    yield named_frame(event)
            if isinstance(told, Silence):
                yield KEEPALIVE
            elif isinstance(told, Moved) and told.snapshot.job.status is JobStatus.QUEUED:
                yield place_comment(told.snapshot)


class ResponseLog:
    """Numbers and words the events of one response."""

    def __init__(self) -> None:
        self._next = 0
        self._job: Job | None = None

    def tell(self, told: Told) -> Iterator[dict[str, Any]]:
        """The events that follow from what a follower saw."""
        match told:
            case Moved(snapshot):
                self._job = snapshot.job
                yield from self._open(snapshot.job, view.live(snapshot))
            case Chunk():
                yield from self._deltas(told)
            case Ended(snapshot):
                yield from self._close(snapshot.job)
            case Lost(code, message):
                error = {"code": code, "message": message, "param": None}
                yield self._event("error", **error)

    def _open(self, job: Job, live: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Up to where the job stands: a log that is replayed begins as it did at first."""
        if self._next == 0:
            yield self._event("response.created", response=view.at(job, "queued"))
            queued = live if job.status is JobStatus.QUEUED else view.at(job, "queued")
            yield self._event("response.queued", response=queued)
        if job.started_ms:
            yield from self._start(job)

    def _start(self, job: Job) -> Iterator[dict[str, Any]]:
        if self._next == 2:  # noqa: PLR2004 - see the table above
            yield self._event("response.in_progress", response=view.at(job, "in_progress"))

    def _begin_item(self, job: Job) -> Iterator[dict[str, Any]]:
        yield from self._start(job)
        if self._next < FIRST_DELTA:
            item = view.message_item(job, "in_progress", [])
            yield self._event("response.output_item.added", output_index=0, item=item)
            yield self._in_part("response.content_part.added", job, part=view.part("", []))

    def _deltas(self, chunk: Chunk) -> Iterator[dict[str, Any]]:
        if self._job is None:
            return
        yield from self._begin_item(self._job)
        pieces = chunk.pieces
        logprobs = load_logprobs(chunk.logprobs)
        for index, piece in enumerate(pieces):
            last = index == len(pieces) - 1
            self._next = FIRST_DELTA + (chunk.after - 1 if last else chunk.offset + index)
            shown = token_logprobs(logprobs[index : index + 1])
            yield self._in_part(
                "response.output_text.delta", self._job, delta=piece, logprobs=shown
            )

    def _close(self, job: Job) -> Iterator[dict[str, Any]]:
        if job.tokens or job.status is JobStatus.COMPLETED:
            yield from self._begin_item(job)
            self._next = FIRST_DELTA + job.tokens
            part = view.text_part(job)
            text = {"text": part["text"], "logprobs": part["logprobs"]}
            yield self._in_part("response.output_text.done", job, **text)
            yield self._in_part("response.content_part.done", job, part=part)
            (item,) = view.output(job)
            yield self._event("response.output_item.done", output_index=0, item=item)
        status = view.status_of(job)
        word = status if status in ("completed", "incomplete") else "failed"
        yield self._event(f"response.{word}", response=view.from_job(job))

    def _in_part(self, kind: str, job: Job, **fields: Any) -> dict[str, Any]:
        where = {"item_id": view.item_id(job), "output_index": 0, "content_index": 0}
        return self._event(kind, **where, **fields)

    def _event(self, kind: str, **fields: Any) -> dict[str, Any]:
        event = {"type": kind, "sequence_number": self._next, **fields}
        self._next += 1
        return event
