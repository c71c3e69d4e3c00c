"""The log of a response: the same numbers live and replayed, from wherever it is read."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.admission import Pace
from api.follow import Ended, Lost, Moved
from api.v1.response_events import ResponseLog, tokens_known
from api.views import Snapshot
from common.errors import JobError
from common.events import Chunk, tail_of
from common.job import Api, Job, JobKind, JobStatus, Work
from common.prompt import Message, Prompt, Role
from common.queues import Priority
from common.sampling import FinishReason, Sampling

PIECES = ["Hel", "", "lo ", "wörld", ""]


def job(status: JobStatus, tokens: int = len(PIECES), **changes: Any) -> Job:
    """A job that has stored so many tokens."""
    pieces = PIECES[:tokens]
    made = Job(
        id="resp_1",
        user="ada",
        kind=JobKind.GENERATE,
        priority=Priority.NORMAL,
        status=status,
        work=Work(Prompt(messages=(Message(Role.USER, "hi"),)), Sampling()),
        created_ms=1000,
        enqueued_ms=1000,
        started_ms=2000,
        tokens=tokens,
        text="".join(pieces) if status.terminal else "",
        lengths=",".join(str(len(piece)) for piece in pieces) if status.terminal else "",
        finish_reason=FinishReason.STOP if status is JobStatus.COMPLETED else None,
        api=Api.RESPONSES,
        asked={"model": "m"},
    )
    return replace(made, **changes)


def seen(job: Job, ahead: int = -1) -> Snapshot:
    return Snapshot(job, ahead, Pace(1000, 3))


def chunk(start: int, end: int) -> Chunk:
    pieces = PIECES[start:end]
    lengths = ",".join(str(len(piece)) for piece in pieces)
    return Chunk("resp_1", start, end - start, "".join(pieces), "", lengths)


def log(*told: Any) -> list[dict[str, Any]]:
    writer = ResponseLog()
    return [event for one in told for event in writer.tell(one)]


def replayed(ended: Job, offset: int = 0) -> list[dict[str, Any]]:
    """As a follower tells it that comes after the end and knows so many tokens."""
    chunk = tail_of(ended, offset)
    return log(Moved(seen(ended), offset), *([chunk] if chunk.tokens else []), Ended(seen(ended)))


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


DONE = job(JobStatus.COMPLETED)


def test_the_log_of_a_whole_life_has_no_gap() -> None:
    events = log(
        Moved(seen(job(JobStatus.QUEUED, 0, started_ms=0), 2), 0),
        Moved(seen(job(JobStatus.IN_PROGRESS, 0)), 0),
        chunk(0, 2),
        chunk(2, 5),
        Ended(seen(DONE)),
    )

    assert [event["sequence_number"] for event in events] == list(range(14))
    assert kinds(events) == [
        *("created", "queued", "in_progress", "output_item.added", "content_part.added"),
        *["output_text.delta"] * 5,
        *("output_text.done", "content_part.done", "output_item.done", "completed"),
    ]
    assert events[1]["response"]["queue"]["position"] == 3
    assert "".join(event.get("delta", "") for event in events) == events[10]["text"] == DONE.text


@given(st.lists(st.integers(1, 4), max_size=4), st.integers(-1, 13))
def test_whatever_was_heard_live_is_what_is_replayed(cuts: list[int], known: int) -> None:
    # Given a log that was heard live, in chunks of any size
    ends = sorted({min(5, sum(cuts[: n + 1])) for n in range(len(cuts))} | {5})
    chunks = [chunk(start, end) for start, end in zip([0, *ends], ends, strict=False)]
    live = log(Moved(seen(job(JobStatus.IN_PROGRESS, 0)), 0), *chunks, Ended(seen(DONE)))
    # When another client reads it afterwards, from any event
    again = replayed(DONE, min(tokens_known(known), DONE.tokens))
    # Then it gets the same events under the same numbers
    after = [event for event in again if event["sequence_number"] > known]
    assert json.dumps(after) == json.dumps([e for e in live if e["sequence_number"] > known])


def test_a_rescued_job_is_in_progress_once() -> None:
    events = log(
        Moved(seen(job(JobStatus.IN_PROGRESS, 0)), 0),
        chunk(0, 2),
        Moved(seen(job(JobStatus.QUEUED, 2), 0), 2),
        Moved(seen(job(JobStatus.IN_PROGRESS, 2)), 2),
        chunk(2, 5),
        Ended(seen(DONE)),
    )

    assert [event["sequence_number"] for event in events] == list(range(14))
    assert kinds(events).count("in_progress") == kinds(events).count("queued") == 1


@pytest.mark.parametrize(
    ("ended", "last", "status"),
    [
        (job(JobStatus.COMPLETED, finish_reason=FinishReason.LENGTH), "incomplete", "incomplete"),
        (job(JobStatus.FAILED, error=JobError("timeout", "Too slow.")), "failed", "failed"),
        (job(JobStatus.EXPIRED, error=JobError("deadline", "Too late.")), "failed", "failed"),
        (job(JobStatus.CANCELLED), "failed", "cancelled"),
    ],
)
def test_how_it_ends(ended: Job, last: str, status: str) -> None:
    events = replayed(ended)

    assert kinds(events)[-1] == last
    assert events[-1]["sequence_number"] == 13
    assert events[-1]["response"]["status"] == status
    assert events[-2]["item"]["status"] == "incomplete"


@pytest.mark.parametrize(("started_ms", "number"), [(0, 2), (2000, 3)])
def test_a_job_that_ended_before_its_first_token_has_no_item(started_ms: int, number: int) -> None:
    events = replayed(job(JobStatus.CANCELLED, 0, started_ms=started_ms))

    assert kinds(events)[-1] == "failed"
    assert events[-1]["sequence_number"] == number
    assert events[-1]["response"]["output"] == []


def test_an_empty_answer_is_an_item_without_text() -> None:
    events = replayed(job(JobStatus.COMPLETED, 0))

    assert [event["sequence_number"] for event in events] == list(range(9))
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == ""


def test_the_log_of_an_older_worker_loses_no_text() -> None:
    # Given a chunk that does not say how long each token's text is
    told = (Moved(seen(job(JobStatus.IN_PROGRESS, 0)), 0), Chunk("resp_1", 0, 3, "Hello "))
    # Then its text comes at once, under the number of its last token
    assert log(*told)[-1]["delta"] == "Hello "
    assert log(*told)[-1]["sequence_number"] == 7


def test_a_log_that_cannot_go_on_says_so() -> None:
    (event,) = log(Lost("redis-unavailable", "Away."))

    assert (event["type"], event["code"]) == ("error", "redis-unavailable")
