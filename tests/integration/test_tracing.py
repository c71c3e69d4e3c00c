"""One trace from HTTP through the queue to engine and webhook, seen by a real OTLP collector."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from cli.ports import any_free
from tests.support.logs import records
from tests.support.otlp import Collector, SeenSpan
from tests.support.sink import Sink
from tests.support.stack import Stack, finished
from tests.support.waiting import wait_until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
SECRET_WORDS = "the marmalade manifesto"
#: What a call costs that waits for a collector: the exporter's own timeout.
HELD_UP_SECONDS = 10


class Traced:
    """A stack that tells a collector, and a receiver of its webhooks."""

    def __init__(self, directory: Path) -> None:
        self.collector, self.sink = Collector(), Sink()
        self.stack = Stack(
            directory,
            ENGINE="echo",
            ECHO_TOKENS_PER_SECOND="200",
            SWEEP_SECONDS="0.3",
            WEBHOOK_ALLOW_NETWORKS="127.0.0.0/8",
            OTEL_BSP_SCHEDULE_DELAY="100",
            OTEL_EXPORTER_OTLP_ENDPOINT=self.collector.url,
        )

    def start(self) -> None:
        self.collector.start()
        self.sink.start()
        self.stack.start()
        self.stack.start_webhooks(METRICS_PORT=str(any_free()))

    def stop(self) -> None:
        self.stack.stop()
        self.sink.stop()
        self.collector.stop()

    def lines(self, process: str, trace_id: str) -> list[dict[str, Any]]:
        """The log lines of a process that name a trace."""
        lines = records(self.stack.processes[process])
        return [line for line in lines if line.get("trace_id") == trace_id]


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    traced = Traced(tmp_path_factory.mktemp("traced"))
    try:
        traced.start()
        yield traced
    finally:
        traced.stop()


@pytest.fixture
def client(traced: Traced) -> Iterator[httpx.Client]:
    with traced.stack.login() as client:
        yield client


def caller(trace_id: str, flags: str = "01") -> dict[str, str]:
    """What a client sends that has a trace of its own."""
    return {"traceparent": f"00-{trace_id}-{CALLER}-{flags}"}


def named(spans: list[SeenSpan], name: str) -> SeenSpan:
    """The one span of this name."""
    (span,) = (span for span in spans if span.name == name)
    return span


def test_one_trace_runs_from_http_to_the_webhook(traced: Traced, client: httpx.Client) -> None:
    # Given a client with a trace of its own, and a job that reports to a receiver
    body = {
        "prompt": SECRET_WORDS,
        "max_tokens": 20,
        "temperature": 0.5,
        "stop": ["manifesto-"],
        "webhook_url": f"{traced.sink.url}?key=hush",
        "priority": "high",
    }
    accepted = client.post("/generate", json=body, headers=caller(TRACE))
    job = finished(client, accepted.json())
    # When all that it caused has been told
    names = ("POST /generate", "submit job", "queue wait", "attempt generate", "prefill", "decode")
    model = "chat echo"
    spans = traced.collector.wait_for(TRACE, *names, model, "deliver job.completed")
    # Then each is the child of what caused it
    parents = {span.name: span.parent_id for span in spans}
    ids = {span.name: span.span_id for span in spans}
    assert parents["POST /generate"] == CALLER
    assert parents["submit job"] == ids["POST /generate"]
    for later in ("queue wait", "attempt generate", "deliver job.completed"):
        assert parents[later] == ids["submit job"]
    assert parents[model] == ids["attempt generate"]
    assert parents["prefill"] == parents["decode"] == ids[model]
    # And each by the process that did it
    assert {span.service for span in spans} == {
        *("caravan-gateway", "caravan-inference", "caravan-webhooks")
    }
    # And the generation says what the conventions want
    about = named(spans, model).attributes
    wanted = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "echo",
        "gen_ai.request.max_tokens": 20,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.response.finish_reasons": [job["result"]["finish_reason"]],
        "gen_ai.usage.input_tokens": job["usage"]["prompt_tokens"],
        "gen_ai.usage.output_tokens": 20,
    }
    assert wanted.items() <= about.items()
    assert named(spans, "attempt generate").attributes["caravan.job.id"] == job["id"]
    assert named(spans, "deliver job.completed").attributes["http.response.status_code"] == 200


def test_the_phases_of_a_generation_follow_each_other(traced: Traced, client: httpx.Client) -> None:
    trace = f"{1:032x}"
    accepted = client.post(
        "/generate", json={"prompt": "x y z " * 9, "max_tokens": 30}, headers=caller(trace)
    )
    finished(client, accepted.json())

    spans = traced.collector.wait_for(trace, "decode", "attempt generate")

    wait, attempt = named(spans, "queue wait"), named(spans, "attempt generate")
    prefill, decode = named(spans, "prefill"), named(spans, "decode")
    submit = named(spans, "submit job")
    assert submit.began <= wait.began + 0.01 <= wait.ended + 0.02
    assert wait.ended <= attempt.began + 0.01
    assert attempt.began <= prefill.began
    assert prefill.ended == pytest.approx(decode.began, abs=1e-6)
    assert decode.ended <= attempt.ended + 0.01
    # And 29 tokens follow the first one, at their pace or, on a busy machine, later
    assert decode.ended - decode.began >= 0.5 * 29 / 200


def test_nothing_that_users_or_models_say_is_told(traced: Traced, client: httpx.Client) -> None:
    trace = f"{2:032x}"
    body = {"prompt": SECRET_WORDS, "webhook_url": f"{traced.sink.url}?key=hush", "max_tokens": 9}
    accepted = client.post("/generate", json=body, headers=caller(trace)).json()
    with client.stream("GET", f"/jobs/{accepted['id']}/events") as stream:
        stream.read()
    token = client.post(f"/jobs/{accepted['id']}/stream-token").json()["token"]
    client.get(f"/jobs/{accepted['id']}/events", params={"token": token})

    traced.collector.wait_for(trace, "deliver job.completed")

    told = b"".join(traced.collector.bodies)
    words = (SECRET_WORDS, "marmalade", "manifesto", "hush", token, "admin123", "Bearer")
    assert [word for word in words if word.encode() in told] == []


def test_the_log_lines_of_a_request_name_its_trace(traced: Traced, client: httpx.Client) -> None:
    trace = f"{3:032x}"
    accepted = client.post(
        "/generate", json={"prompt": "x", "max_tokens": 3}, headers=caller(trace)
    )
    job = finished(client, accepted.json())

    wait_until(lambda: traced.lines("worker", trace), what="the worker's lines")

    (request,) = traced.lines("gateway", trace)
    assert request["request_id"] == accepted.headers["x-request-id"]
    assert {line["job_id"] for line in traced.lines("worker", trace)} == {job["id"]}


def test_without_a_callers_trace_one_begins_here(traced: Traced, client: httpx.Client) -> None:
    accepted = client.post("/generate", json={"prompt": "x", "max_tokens": 3}).json()
    finished(client, accepted)

    def attempt() -> SeenSpan | None:
        of_job = (
            span
            for span in traced.collector.spans
            if span.attributes.get("caravan.job.id") == accepted["id"]
        )
        return next((span for span in of_job if span.name == "attempt generate"), None)

    found = wait_until(attempt, what="the attempt")
    assert found is not None
    spans = traced.collector.wait_for(found.trace_id, "POST /generate", "submit job")
    assert named(spans, "POST /generate").parent_id == ""


def test_a_trace_that_its_caller_does_not_sample_is_not_told(
    traced: Traced, client: httpx.Client
) -> None:
    unsampled, sampled = f"{4:032x}", f"{5:032x}"
    for trace, flags in ((unsampled, "00"), (sampled, "01")):
        body = {"prompt": "x", "max_tokens": 3}
        accepted = client.post("/generate", json=body, headers=caller(trace, flags))
        finished(client, accepted.json())

    traced.collector.wait_for(sampled, "attempt generate")

    assert traced.collector.trace(unsampled) == []


def test_the_lines_of_a_batch_are_in_its_trace(traced: Traced, client: httpx.Client) -> None:
    trace = f"{6:032x}"
    client.post(
        "/generate", json={"prompts": ["one", "two"], "max_tokens": 3}, headers=caller(trace)
    )

    def attempts() -> bool:
        names = [span.name for span in traced.collector.trace(trace)]
        return names.count("attempt generate") == 2

    wait_until(attempts, what="both lines")


def test_a_completion_is_one_trace_too(traced: Traced, client: httpx.Client) -> None:
    trace = f"{7:032x}"
    body = {"model": "echo", "prompt": "hi", "max_tokens": 3}
    client.post("/v1/completions", json=body, headers=caller(trace))

    spans = traced.collector.wait_for(trace, "POST /v1/completions", "text_completion echo")

    about = named(spans, "text_completion echo").attributes
    assert about["gen_ai.operation.name"] == "text_completion"


def test_a_job_whose_worker_was_killed_goes_on_in_the_same_trace(
    traced: Traced, client: httpx.Client
) -> None:
    # Given a job that has made a few tokens
    trace = f"{8:032x}"
    body = {"prompt": "long " * 50, "max_tokens": 600}
    job = client.post("/generate", json=body, headers=caller(trace)).json()
    wait_until(lambda: client.get(job["urls"]["self"]).json()["usage"]["completion_tokens"] > 5)
    # When its worker dies and another comes
    traced.stack.processes["worker"].kill()
    traced.stack.start_worker()
    done = finished(client, job)
    # Then both attempts are children of the same request, the lost one told by its successor
    assert (done["status"], done["attempts"]) == ("completed", 2)
    spans = traced.collector.wait_for(trace, "attempt lost", "attempt generate", "POST /generate")
    lost, second = named(spans, "attempt lost"), named(spans, "attempt generate")
    submit = named(spans, "submit job")
    assert lost.parent_id == second.parent_id == submit.span_id
    assert (lost.error or lost.attributes["error.type"]) == "worker_lost"
    assert (lost.attributes["caravan.attempt"], second.attributes["caravan.attempt"]) == (1, 2)
    assert second.attributes["caravan.resumed_tokens"] > 5
    assert lost.ended <= second.began


def test_histograms_name_a_trace_to_who_reads_openmetrics(
    traced: Traced, client: httpx.Client
) -> None:
    trace = f"{9:032x}"
    accepted = client.post(
        "/generate", json={"prompt": "x", "max_tokens": 3}, headers=caller(trace)
    )
    finished(client, accepted.json())
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}

    for base, name in (
        (traced.stack.base_url, "llama_http_request_duration_seconds"),
        (f"http://127.0.0.1:{traced.stack.metrics_port}", "llama_time_to_first_token_seconds"),
    ):
        named = partial(traces_named, f"{base}/metrics", accept, name)
        wait_until(lambda named=named: trace in named(), what=f"the trace at {name}")  # type: ignore[misc]


def traces_named(url: str, headers: dict[str, str], name: str) -> list[str]:
    """The traces that the samples of a histogram name."""
    text = httpx.get(url, headers=headers, trust_env=False).text
    (family,) = (f for f in text_string_to_metric_families(text) if f.name == name)
    return [s.exemplar.labels["trace_id"] for s in family.samples if s.exemplar]


def test_switched_off_nothing_of_it_is_imported(tmp_path: Path) -> None:
    # Given a stack without a collector
    stack = Stack(tmp_path, ENGINE="echo", PYTHONPROFILEIMPORTTIME="1")
    try:
        stack.start()
        # When a caller with a trace has had a job done
        with stack.login() as client:
            body = {"prompt": "x", "max_tokens": 3}
            accepted = client.post("/generate", json=body, headers=caller(TRACE))
            finished(client, accepted.json())
        imported = {name: _imported(process.output()) for name, process in stack.processes.items()}
        # Then no process has loaded what makes and sends spans
        unwanted = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "google.protobuf")
        for names in imported.values():
            assert "redis" in names
            assert [name for name in names if name.startswith(unwanted)] == []
        # And the caller's trace still stands in the logs
        for process in ("gateway", "worker"):
            output = stack.processes[process].output
            wait_until(lambda output=output: f'"trace_id": "{TRACE}"' in output())  # type: ignore[misc]
    finally:
        stack.stop()


def _imported(output: str) -> set[str]:
    lines = [line for line in output.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


def test_a_collector_that_is_away_holds_up_nothing(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{any_free()}"
    stack = Stack(tmp_path, ENGINE="echo", OTEL_EXPORTER_OTLP_ENDPOINT=nobody)
    try:
        stack.start()
        with stack.login() as client:
            began = time.monotonic()
            for _ in range(5):
                finished(
                    client, client.post("/generate", json={"prompt": "x", "max_tokens": 3}).json()
                )
            assert time.monotonic() - began < HELD_UP_SECONDS
        began = time.monotonic()
        stack.processes["worker"].stop()
        assert time.monotonic() - began < HELD_UP_SECONDS
    finally:
        stack.stop()
