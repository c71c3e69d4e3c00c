"""What the service is for: a real Llama explains, three at a time, urgent ones first.

Everything is real: gateway, Valkey, Celery, worker and weights, each a process.
"""

import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from statistics import mean
from typing import Any

import httpx
import pytest

from cli.sse import ServerSentEvent, parse_events, split_lines
from tests.models import default_gguf
from tests.support.stack import Stack, finished
from tests.support.waiting import wait_until

AAPL = {
    "analysis_type": "sentiment",
    "symbol": "AAPL",
    "sentiment_score": 0.75,
    "current_price": 150.0,
    "iv_rank": 65,
}
PRIORITIES = ["low", "normal", "high", "urgent"]


def explain(client: httpx.Client, **changes: Any) -> dict[str, Any]:
    answer = client.post("/explain", json={"context": AAPL, "max_tokens": 40, **changes})
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    return job


def events_of(client: httpx.Client, job_id: str, after: int = 0) -> Iterator[ServerSentEvent]:
    """The events of a job, read as they come, resumed after so many tokens."""
    headers = {"Last-Event-ID": str(after)} if after else {}
    with client.stream("GET", f"/jobs/{job_id}/events", headers=headers) as stream:
        assert stream.status_code == 200
        yield from parse_events(split_lines(stream.iter_text()))


def tokens_of(events: Iterator[ServerSentEvent]) -> Iterator[tuple[int, int, str]]:
    """(tokens stored after it, tokens in it, its text) of every token event."""
    for event in events:
        if event.name == "token":
            data = json.loads(event.data)
            yield int(event.id or 0), data["tokens"], data["text"]


def metric(stack: Stack, name: str) -> float:
    page = httpx.get(f"http://127.0.0.1:{stack.metrics_port}/metrics", trust_env=False).text
    found = re.search(rf"^{name} (\S+)$", page, re.MULTILINE)
    assert found, f"no {name} in\n{page}"
    return float(found[1])


@contextmanager
def holding(client: httpx.Client, stack: Stack) -> Iterator[None]:
    """Every slot taken by an answer that its schema keeps long, until the end of the block."""
    schema = {"type": "string", "minLength": 4000}
    form = {"type": "json_schema", "json_schema": {"name": "long", "schema": schema}}
    asked = {"max_tokens": 2000, "response_format": form, "priority": "urgent"}
    taken = [explain(client, **asked) for _ in range(3)]
    wait_until(lambda: metric(stack, "llama_slots_busy") == 3, what="3 busy slots")
    yield
    for job in taken:
        assert client.delete(job["urls"]["self"]).is_success


def test_an_explanation_is_written_by_a_real_llama(llama_stack: Stack) -> None:
    # When a client asks as the original service's documentation shows, for the likeliest words
    with closing(llama_stack.login()) as client:
        job = finished(client, explain(client, max_tokens=60, temperature=0))
    # Then it gets prose, with every number of the documented answer
    result = job["result"]
    assert job["status"] == "completed"
    assert len(result["explanation"].split()) > 5
    assert 0 < result["tokens_used"] <= 60
    assert result["processing_time_ms"] > 0
    assert 0 < result["confidence_score"] <= 1
    assert result["model_info"] == {
        "model_name": "SmolLM2-135M-Instruct",
        "quantization": "Q4_1",
        "gpu_layers": 0,
        "context_size": 4096,
    }


def test_thirty_explanations_complete_and_urgent_ones_overtake(llama_stack: Stack) -> None:
    # Given three slots that are taken, then 30 explanations, the lowest class first
    with closing(llama_stack.login()) as client, holding(client, llama_stack):
        jobs = [
            explain(client, priority=priority, max_tokens=12)
            for priority, count in zip(PRIORITIES, (8, 8, 7, 7), strict=True)
            for _ in range(count)
        ]
    # When the slots are free again, and all have ended
    with closing(llama_stack.login()) as client:
        ended = [finished(client, job, 120) for job in jobs]
    # Then all completed, and the last class to come was the first to be served
    assert [job["status"] for job in ended] == ["completed"] * 30
    starts = {
        priority: mean(_seconds(job["started_at"]) for job in ended if job["priority"] == priority)
        for priority in PRIORITIES
    }
    assert sorted(starts, key=starts.__getitem__) == ["urgent", "high", "normal", "low"]


def test_three_explanations_run_at_once(llama_stack: Stack) -> None:
    # Given more jobs than slots
    with closing(llama_stack.login()) as client, holding(client, llama_stack):
        # Then the worker's metrics show three busy slots, and the others wait
        jobs = [explain(client, max_tokens=20) for _ in range(2)]
        running = client.get("/jobs", params={"status": "in_progress"}).json()["data"]
        assert len(running) == 3
        assert {client.get(job["urls"]["self"]).json()["status"] for job in jobs} == {"queued"}
    with closing(llama_stack.login()) as client:
        for job in jobs:
            assert finished(client, job, 120)["status"] == "completed"
    assert metric(llama_stack, "llama_slots") == 3


def test_a_stream_cut_and_resumed_gives_the_text_of_the_record(llama_stack: Stack) -> None:
    # Given a running job whose stream is cut after a few tokens
    with closing(llama_stack.login()) as client:
        job = explain(client, max_tokens=60)
        seen: list[tuple[int, int, str]] = []
        for token in tokens_of(events_of(client, job["id"])):
            seen.append(token)
            if len(seen) == 5:
                break
        # When the client resumes after the last event it saw
        seen += list(tokens_of(events_of(client, job["id"], after=seen[-1][0])))
        record = finished(client, job)
        replayed = list(tokens_of(events_of(client, job["id"])))
    # Then both parts together are the record, without gap or repetition
    text = "".join(text for _, _, text in seen)
    assert text == record["result"]["explanation"]
    assert [after for after, _, _ in seen] == sorted({after for after, _, _ in seen})
    # And a stream of the finished job gives it again
    assert "".join(text for _, _, text in replayed) == text


@pytest.fixture
def mortal_stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack of its own, whose worker a test may kill."""
    stack = Stack(tmp_path, ENGINE="llamacpp", MODEL=str(default_gguf()))
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


def test_a_worker_killed_in_mid_answer_costs_time_and_nothing_else(mortal_stack: Stack) -> None:
    # Given a client that reads a job's stream
    with closing(mortal_stack.login()) as client:
        job = explain(client, max_tokens=150, temperature=0)
        tokens = tokens_of(events_of(client, job["id"]))
        seen = [next(tokens) for _ in range(10)]
        # When the worker is killed and another is started
        mortal_stack.processes["worker"].kill()
        mortal_stack.start_worker("second")
        # Then the same stream goes on to the end within 20 seconds of the restart
        seen += list(tokens)
        record = finished(client, job, 20)
    assert record["status"] == "completed"
    assert record["attempts"] == 2
    # And it held every token once
    assert "".join(text for _, _, text in seen) == record["result"]["explanation"]
    offset = 0
    for after, count, _ in seen:
        assert after > offset
        assert after - count >= offset
        offset = after
    assert record["usage"]["completion_tokens"] == record["result"]["tokens_used"] >= offset


def test_the_gateway_stays_small_and_knows_no_torch(llama_stack: Stack) -> None:
    # Given a gateway that has served the tests above
    pid = llama_stack.processes["gateway"].pid
    status = Path(f"/proc/{pid}/status").read_text()
    # Then it uses less than 150 MB and has mapped no torch
    resident_kb = int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]
    assert resident_kb < 150 * 1024
    assert "libtorch" not in Path(f"/proc/{pid}/maps").read_text()


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()
