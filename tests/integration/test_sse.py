"""GET /jobs/{id}/events: live, resumed, replayed, healed; always the record's own text."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai._streaming import SSEDecoder

from cli.sse import ServerSentEvent
from tests.support.gateway import Gateway, events_of
from tests.support.waiting import wait_until


def data(event: ServerSentEvent) -> Any:
    return json.loads(event.data)


def text_of(events: list[ServerSentEvent]) -> str:
    return "".join(data(event)["text"] for event in events if event.name == "token")


def names(events: list[ServerSentEvent]) -> list[str]:
    return [event.name for event in events]


def next_token(events: Iterator[ServerSentEvent]) -> ServerSentEvent:
    return next(event for event in events if event.name == "token")


def test_a_job_is_followed_from_the_queue_to_its_end(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given a stream of a waiting job
    job_id = gateway.desk.submit()
    with events_of(client, job_id) as events:
        seen = [next(events)]
        # When it is claimed, makes tokens and ends
        gateway.desk.claim(job_id)
        seen.append(next(events))
        gateway.desk.append(job_id, 0, [7, 4])
        seen.append(next(events))
        gateway.desk.finish(job_id, 2, [11, 11, 14])
        seen += events
    # Then each step was told, under the number of tokens so far
    assert names(seen) == ["status", "status", "token", "token", "usage", "done"]
    assert [event.id for event in seen] == ["0", "0", "2", "5", "5", "5"]
    assert data(seen[0]) == {"status": "queued", "queue": {"position": 1, "eta_seconds": None}}
    assert data(seen[1]) == {"status": "in_progress", "queue": None}
    assert data(seen[2]) == {"text": "he", "tokens": 2}
    assert data(seen[4])["completion_tokens"] == 5
    assert data(seen[5]) == client.get(f"/jobs/{job_id}").json()


def test_the_headers_forbid_proxies_to_keep_it_back(gateway: Gateway, client: httpx.Client) -> None:
    job_id = gateway.desk.submit()
    gateway.complete(job_id, [1])

    headers = client.get(f"/jobs/{job_id}/events").headers

    assert headers["content-type"].startswith("text/event-stream")
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")


def test_a_finished_job_is_replayed_from_its_record(gateway: Gateway, client: httpx.Client) -> None:
    # Given a finished job whose stream is gone
    job_id = gateway.desk.submit()
    gateway.complete(job_id, [7, 4, 11, 11, 14])
    gateway.redis.delete(f"ev:{job_id}")
    # When it is streamed
    with events_of(client, job_id) as events:
        seen = list(events)
    # Then it is all there
    assert names(seen) == ["status", "token", "usage", "done"]
    assert (text_of(seen), seen[-1].id) == ("hello", "5")


@pytest.mark.parametrize("known", range(6))
def test_a_finished_job_is_resumed_from_any_token(
    gateway: Gateway, client: httpx.Client, known: int
) -> None:
    job_id = gateway.desk.submit()
    gateway.complete(job_id, [7, 4, 11, 11, 14])

    with events_of(client, job_id, headers={"Last-Event-ID": str(known)}) as events:
        assert text_of(list(events)) == "hello"[known:]
    with events_of(client, job_id, params={"starting_after": known}) as events:
        assert text_of(list(events)) == "hello"[known:]


@pytest.mark.parametrize("known", range(8))
def test_a_running_job_is_resumed_from_any_token_even_inside_a_chunk(
    gateway: Gateway, client: httpx.Client, known: int
) -> None:
    # Given a running job of two stored chunks
    job_id = gateway.desk.submit()
    gateway.desk.claim(job_id)
    gateway.desk.append(job_id, 0, [7, 4, 11])
    gateway.desk.append(job_id, 3, [11, 14])
    # When a client comes back that knows so many tokens, and the job goes on
    with events_of(client, job_id, headers={"Last-Event-ID": str(known)}) as events:
        seen = [next(events)]
        gateway.desk.finish(job_id, 5, [18])
        seen += events
    # Then it gets the rest once; knowing more than there is counts as knowing all there is
    assert text_of(seen) == "hellos"[min(known, 5) :]


def test_a_stream_that_is_cut_and_resumed_gives_the_records_text(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given a client whose connection breaks after each token it gets
    job_id = gateway.desk.submit()
    gateway.desk.claim(job_id)
    ids = [n * 7 % 26 for n in range(12)]
    seen: list[ServerSentEvent] = []
    for offset, token in enumerate(ids):
        gateway.desk.append(job_id, offset, [token])
        last = {"Last-Event-ID": seen[-1].id or ""} if seen else {}
        with events_of(client, job_id, headers=last) as events:
            seen.append(next_token(events))
    # When the job ends
    gateway.desk.finish(job_id, len(ids), [1])
    with events_of(client, job_id, headers={"Last-Event-ID": seen[-1].id or ""}) as events:
        seen += events
    # Then what it saw is the text, without gap or repetition
    assert text_of(seen) == gateway.desk.read(job_id).text


def test_chunks_that_release_no_text_are_silent_but_count(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given a token held back, then released with the next one
    job_id = gateway.desk.submit()
    gateway.desk.claim(job_id)
    with events_of(client, job_id) as events:
        seen = [next(events)]
        gateway.desk.scripts("append", job_id, "token", 0, 1, "", "1", "0", -0.1, 1)
        gateway.desk.scripts("append", job_id, "token", 1, 1, "é", "2", "1", -0.1, 1)
        seen.append(next_token(events))
        gateway.desk.finish(job_id, 2, [])
        seen += events
    # Then the client sees one event of the text
    assert text_of(seen) == "é"
    assert seen[1].id == "2"


def test_a_text_with_any_separator_stays_one_line(gateway: Gateway, client: httpx.Client) -> None:
    text = "a\u2028b\u2029c\x85d\ne\r\nf"
    job_id = gateway.desk.submit()
    gateway.desk.claim(job_id)
    chunk = (0, 1, text, "1", str(len(text)), -0.1, 1, "")
    gateway.desk.scripts("finish", job_id, "token", *chunk, "completed", "finish_reason", "stop")

    body = client.get(f"/jobs/{job_id}/events").text

    line = next(line for line in body.splitlines() if '"text"' in line)
    assert json.loads(line.removeprefix("data: "))["text"] == text


def test_a_released_job_goes_on_in_the_same_stream(gateway: Gateway, client: httpx.Client) -> None:
    # Given a stream of a running job
    job_id = gateway.desk.submit()
    gateway.desk.claim(job_id)
    gateway.desk.append(job_id, 0, [7])
    with events_of(client, job_id) as events:
        seen = [next(events), next(events)]
        # When its worker drains, and another goes on
        gateway.desk.release(job_id)
        seen.append(next(events))
        gateway.desk.claim(job_id, "second")
        seen.append(next(events))
        gateway.desk.finish(job_id, 1, [8], "second")
        seen += events
    # Then the client saw it wait again, and the text once
    assert [data(e)["status"] for e in seen if e.name == "status"] == [
        *("in_progress", "queued", "in_progress")
    ]
    assert text_of(seen) == "hi"


def test_the_position_is_told_as_the_queue_moves(gateway: Gateway, client: httpx.Client) -> None:
    # Given a job behind two others
    ahead = [gateway.desk.submit(), gateway.desk.submit()]
    job_id = gateway.desk.submit()
    with events_of(client, job_id) as events:
        positions = [data(next(events))["queue"]["position"]]
        # When they start
        for other in ahead:
            gateway.desk.claim(other)
            positions.append(data(next(events))["queue"]["position"])
    # Then it counts down
    assert positions == [3, 2, 1]


def test_a_stream_heals_when_the_feed_was_cut(gateway: Gateway, client: httpx.Client) -> None:
    # Given a stream that has seen one token
    job_id = gateway.desk.submit()
    gateway.desk.claim(job_id)
    with events_of(client, job_id) as events:
        next(events)
        gateway.desk.append(job_id, 0, [7])
        seen = [next(events)]
        # When the gateway's feed is cut, and tokens are made that it does not hear of
        gateway.redis.client_kill_filter(_type="pubsub")
        gateway.desk.append(job_id, 1, [4, 11])
        gateway.desk.finish(job_id, 3, [11, 14])
        seen += events
    # Then the client gets them all the same
    assert text_of(seen) == "hello"


def test_a_slow_client_misses_nothing(gateway: Gateway, client: httpx.Client) -> None:
    # Given a client that does not read
    job_id = gateway.desk.submit()
    gateway.desk.claim(job_id)
    with events_of(client, job_id) as events:
        next(events)
        # When far more is made than a waiter or a socket can hold
        long, count = "x" * 20_000, 600
        for offset in range(count):
            chunk = (offset, 1, f"{offset:05d}{long}", "1", str(len(long) + 5), -0.1, 1)
            gateway.desk.scripts("append", job_id, "token", *chunk)
        gateway.desk.finish(job_id, count, [])
        seen = list(events)
    # Then all of it comes, in order
    assert text_of(seen) == gateway.desk.read(job_id).text


def test_a_quiet_stream_is_kept_alive_by_a_line_that_is_no_event(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given a stream that has nothing to say for a while
    job_id = gateway.desk.submit()
    gateway.desk.claim(job_id)
    raw: list[bytes] = []
    with client.stream("GET", f"/jobs/{job_id}/events") as response:
        pieces = response.iter_raw()
        while sum(piece.count(b": ka\n") for piece in raw) < 2:
            raw.append(next(pieces))
        gateway.desk.finish(job_id, 0, [7, 8])
        raw += pieces
    # When the OpenAI SDK's decoder reads it
    decoded = list(SSEDecoder().iter_bytes(iter(raw)))
    # Then there is no event without data, and no keep-alive that ends a block
    assert all(event.data for event in decoded)
    assert b": ka\n\n" not in b"".join(raw)
    assert [event.event for event in decoded] == ["status", "token", "usage", "done"]


def test_a_client_that_leaves_its_stream_cancels_what_only_it_wanted(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given a stream of a job with on_disconnect=cancel
    body = {"prompt": "x", "on_disconnect": "cancel"}
    job_id = client.post("/generate", json=body).json()["id"]
    gateway.desk.claim(job_id)
    with events_of(client, job_id) as events:
        next(events)
    # When the client has left, then the job is cancelled and its worker told
    wait_until(lambda: gateway.desk.read(job_id).status == "cancelled", what="the cancel")
    assert gateway.desk.append(job_id, 0, [1]) == ["lost", 0]


def test_a_client_that_leaves_its_stream_ends_nothing_by_default(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given a stream that a client has left
    job_id = gateway.desk.submit()
    with events_of(client, job_id) as events:
        next(events)
    wait_until(lambda: gateway.metric("llama_open_streams") == 0, what="its leaving")
    # When the job runs, then it completes
    gateway.complete(job_id, [1])
    assert gateway.desk.read(job_id).status == "completed"


def test_a_cancelled_jobs_stream_ends_with_the_job(gateway: Gateway, client: httpx.Client) -> None:
    job_id = gateway.desk.submit()
    with events_of(client, job_id) as events:
        next(events)
        client.delete(f"/jobs/{job_id}")
        seen = list(events)

    assert names(seen) == ["usage", "done"]
    assert data(seen[-1])["status"] == "cancelled"


@pytest.mark.parametrize("parameter", ["-1", "x"])
def test_a_stream_starts_after_a_number(
    gateway: Gateway, client: httpx.Client, parameter: str
) -> None:
    job_id = gateway.desk.submit()

    answer = client.get(f"/jobs/{job_id}/events", params={"starting_after": parameter})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "starting_after")
