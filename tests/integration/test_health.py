"""/livez, /readyz, /health, /status, /model/info and /metrics."""

import json
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.answers import HealthBody, ModelBody, ReadyBody
from api.statistics import StatusBody
from cli.ports import any_free
from tests.support.gateway import Gateway
from tests.support.processes import Process
from tests.support.waiting import wait_until

INFO = {
    "engine": "llamacpp",
    "model_name": "llama",
    "quantization": "Q4_1",
    "gpu_layers": 0,
    "context_size": 4096,
    "parameters": 135,
    "artifact_bytes": 98,
    "memory_bytes": 123,
    "loaded_at": "2026-01-01T00:00:00+00:00",
    "tokens_per_second": 42.5,
    "requests": 7,
    "device": "cpu",
    "slots": 3,
    "details": {},
    "settings": {"n_ctx": 4096},
    "manifest": None,
}


@pytest.fixture
def anonymous(gateway: Gateway) -> Iterator[httpx.Client]:
    with gateway.stack.client() as client:
        yield client


def beat(gateway: Gateway, worker: str = "w1", **fields: Any) -> None:
    about = {"kind": "inference", "state": "ready", "slots": 3, "busy": 1, **fields}
    if about["state"] == "ready":
        about["info"] = json.dumps(INFO)
    flat = [part for pair in about.items() for part in pair]
    gateway.desk.scripts("beat", worker, 15_000, 3600, 0, *flat)


def samples(gateway: Gateway, name: str) -> dict[tuple[str, ...], float]:
    text = httpx.get(f"{gateway.stack.base_url}/metrics", trust_env=False).text
    return {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def test_the_process_is_alive_whatever_else(anonymous: httpx.Client) -> None:
    assert anonymous.get("/livez").json() == {"status": "alive"}


def test_without_a_worker_it_is_not_ready_but_takes_jobs(
    anonymous: httpx.Client, client: httpx.Client
) -> None:
    ready = anonymous.get("/readyz")

    assert (ready.status_code, ready.json()["ready"]) == (503, False)
    assert ready.json()["checks"]["model"]["detail"] == "No worker is running."
    assert client.post("/generate", json={"prompt": "x"}).status_code == 202


def test_a_worker_without_its_model_says_so_itself(
    gateway: Gateway, anonymous: httpx.Client
) -> None:
    beat(gateway, state="model_missing", error="no model at /models/x: run `fetch`")

    ready, info = anonymous.get("/readyz"), anonymous.get("/model/info")

    assert ready.status_code == 503
    assert ready.json()["checks"]["model"]["detail"] == "no model at /models/x: run `fetch`"
    assert (info.status_code, info.json()["error"]["code"]) == (503, "model-unavailable")
    assert info.json()["detail"] == "no model at /models/x: run `fetch`"


def test_with_a_ready_worker_all_is_well(gateway: Gateway, anonymous: httpx.Client) -> None:
    beat(gateway)

    ready, health = anonymous.get("/readyz"), anonymous.get("/health")

    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    assert (health.status_code, health.json()["status"]) == (200, "healthy")
    ReadyBody.model_validate(ready.json(), extra="forbid")
    HealthBody.model_validate(health.json(), extra="forbid")
    assert {name: check["ok"] for name, check in health.json()["checks"].items()} == {
        "redis": True,
        "workers": True,
        "model": True,
        "queue": True,
    }


def test_a_gateway_without_workers_is_ready_itself(anonymous: httpx.Client) -> None:
    ready = anonymous.get("/readyz", params={"scope": "process"})

    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    assert ready.json()["checks"]["workers"]["ok"] is False


def test_a_worker_that_stopped_beating_does_not_count(
    gateway: Gateway, anonymous: httpx.Client
) -> None:
    beat(gateway)
    gateway.redis.zincrby("workers", -16_000, "w1")

    assert anonymous.get("/readyz").status_code == 503
    assert anonymous.get("/status").json()["workers"] == []


def test_the_model_is_described_by_the_newest_ready_worker(
    gateway: Gateway, anonymous: httpx.Client
) -> None:
    beat(gateway, "old", state="draining")
    beat(gateway, "new")

    info = anonymous.get("/model/info").json()

    ModelBody.model_validate(info, extra="forbid")
    settings = {"n_ctx": 4096, "max_queue_size": 100, "request_timeout": 60}
    assert info == {"worker_id": "new", **INFO, "settings": settings}


def test_the_status_shows_workers_queues_and_pace(
    gateway: Gateway, anonymous: httpx.Client
) -> None:
    # Given a worker, a running job and a waiting one, and one that ended
    beat(gateway, metrics_port=9090, tokens_per_second=12.5, breaker="closed", command="")
    running, done = gateway.desk.submit(), gateway.desk.submit()
    gateway.desk.claim(running)
    gateway.complete(done, [1])
    gateway.desk.submit()
    gateway.redis.hset("pace", "mean_ms", 2500)
    # When the status is read
    status = anonymous.get("/status").json()
    # Then it is all there
    StatusBody.model_validate(status, extra="forbid")
    assert status["status"] == "healthy"
    assert status["queue"] == {"urgent": 0, "high": 0, "normal": 1, "low": 0}
    assert (status["running"], status["slots"], status["mean_job_seconds"]) == (1, 3, 2.5)
    assert status["workers"] == [
        {
            "id": "w1",
            "kind": "inference",
            "state": "ready",
            "error": None,
            "breaker": "closed",
            "last_command": None,
            "slots": 3,
            "busy": 1,
            "metrics_port": 9090,
            "tokens_per_second": 12.5,
            "model_name": "llama",
            "quantization": "Q4_1",
            "engine": "llamacpp",
        }
    ]
    assert status["model"]["model_name"] == "llama"
    # And the job that ended is counted, by the next reading: one serves for a second
    wait_until(lambda: ended_in_windows(anonymous) == [1, 1, 1], what="the job in the windows")


def ended_in_windows(client: httpx.Client) -> list[int]:
    return [window["jobs"]["completed"] for window in client.get("/status").json()["windows"]]


def test_the_metrics_count_jobs_and_requests_without_naming_anybody(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given a finished job, a waiting one and a worker
    beat(gateway)
    job_id = client.post("/generate", json={"prompt": "x"}).json()["id"]
    gateway.complete(job_id, [1])
    client.post("/generate", json={"prompt": "x", "priority": "low"})
    client.get(f"/jobs/{job_id}")
    # When Prometheus scrapes
    text = httpx.get(f"{gateway.stack.base_url}/metrics", trust_env=False).text
    # Then the numbers are there under their names
    assert samples(gateway, "llama_requests_total") == {("generate", "", "normal", "completed"): 1}
    assert samples(gateway, "llama_queue_depth")[("low",)] == 1
    assert samples(gateway, "llama_model_memory_usage_bytes") == {("llama", "Q4_1", "w1"): 123}
    assert samples(gateway, "llama_generation_tokens_per_second") == {("w1",): 42.5}
    requests = samples(gateway, "llama_http_request_duration_seconds_count")
    assert requests[("GET", "/jobs/{job_id}", "200")] >= 1
    assert requests[("POST", "/generate", "202")] >= 2
    assert "llama_build_info" in text
    assert job_id not in text
    assert "ada" not in text


def test_metrics_can_be_switched_off(tmp_path: Path) -> None:
    settings = {"PROMETHEUS_ENABLED": "false"}
    with Gateway.running(tmp_path, **settings) as gateway, gateway.client() as client:
        assert client.get("/metrics").status_code == 404


def test_strangers_may_ask_for_health_ten_times_a_minute(tmp_path: Path) -> None:
    # Given the default limit
    with (
        Gateway.running(tmp_path, HEALTH_RATE_LIMIT_PER_MINUTE="10") as gateway,
        gateway.stack.client() as anonymous,
        gateway.client() as known,
    ):
        # When a stranger asks eleven times
        answers = [anonymous.get("/health") for _ in range(11)]
        # Then the last is refused, while probes and users are not
        assert [answer.status_code for answer in answers] == [200] * 10 + [429]
        assert int(answers[-1].headers["Retry-After"]) > 50
        assert anonymous.get("/livez").status_code == 200
        assert anonymous.get("/readyz").status_code == 503
        assert known.get("/health").status_code == 200


def test_the_documents_way_of_starting_it_works(gateway: Gateway, tmp_path: Path) -> None:
    # When uvicorn starts it as the documents say, on a port of its own
    port = any_free()
    command = [sys.executable, "-m", "uvicorn", "api.app:create_app", "--factory"]
    options = ["--host", "127.0.0.1", "--port", str(port), "--log-level", "debug"]
    process = Process("uvicorn", [*command, *options], tmp_path / "log", gateway.stack.env)
    try:
        # Then it answers there, and its log is JSON
        url = f"http://127.0.0.1:{port}/livez"
        wait_until(lambda: answers(url), what="an answer")
        assert process.stop() == -signal.SIGTERM
        assert all(json.loads(line) for line in process.output().splitlines()[1:])
    finally:
        process.kill()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_the_documentation_needs_no_internet(anonymous: httpx.Client) -> None:
    # When a browser opens the page
    page = anonymous.get("/docs")
    # Then all that it loads is here
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) == 3
    assert [anonymous.get(path).status_code for path in loaded] == [200] * 3
    assert anonymous.get("/openapi.json").json()["info"]["title"] == "Caravan"


def test_the_gateway_stays_small(gateway: Gateway, client: httpx.Client) -> None:
    # Given a gateway that has logged somebody in and taken jobs
    client.post("/auth/login", json={"username": "admin", "password": "admin123"})
    for _ in range(50):
        client.post("/generate", json={"prompt": "x" * 1000})
    # Then it has less than 150 MB
    process = psutil.Process(gateway.stack.processes["gateway"].pid)
    assert process.memory_info().rss < 150 * 1024 * 1024
