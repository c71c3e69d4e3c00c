"""Flower, the window on Celery: every job by its id, and a revoke that cancels."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.ports import any_free
from tests.support.processes import Process
from tests.support.stack import Stack, finished
from tests.support.waiting import wait_until

LOGIN = ("caravan", "a-password-of-this-test")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that speaks slowly enough to be revoked."""
    directory = tmp_path_factory.mktemp("flower")
    stack = Stack(directory, ENGINE="echo", ECHO_TOKENS_PER_SECOND="50")
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def flower(stack: Stack) -> Iterator[httpx.Client]:
    """Flower as `make run` starts it; it has heard of the worker."""
    port = str(any_free())
    env = {**stack.env, "FLOWER_PORT": port, "FLOWER_PASSWORD": LOGIN[1]}
    process = Process(
        "flower", [sys.executable, "-m", "cli", "flower"], stack.directory / "flower.log", env
    )
    base = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=base, auth=LOGIN, timeout=60, trust_env=False) as client:
        try:
            wait_until(lambda: _workers(client), what=f"Flower's workers\n{process.output()}")
            with closing(stack.login()) as gateway:
                wait_until(partial(_has_seen_one_of, gateway, client, []), what="a job in Flower")
            yield client
        finally:
            process.stop()


def _has_seen_one_of(gateway: httpx.Client, client: httpx.Client, jobs: list[str]) -> bool:
    """Let one more job run; what was sent before Flower listened is lost."""
    jobs.append(finished(gateway, submit(gateway, 1))["id"])
    return any(task(client, job_id) for job_id in jobs)


def _workers(client: httpx.Client) -> Any:
    try:
        answer = client.get("/api/workers", params={"refresh": "true"})
    except httpx.TransportError:
        return None
    return answer.json() if answer.is_success else None


def task(client: httpx.Client, job_id: str) -> Any:
    answer = client.get(f"/api/task/info/{job_id}")
    return answer.json() if answer.is_success else {}


def submit(client: httpx.Client, tokens: int, priority: str = "normal") -> Any:
    body = {"prompt": "one two three ", "max_tokens": tokens, "priority": priority}
    return client.post("/generate", json=body).json()


def test_every_job_is_shown_by_its_id_with_its_state_and_run_time(
    stack: Stack, flower: httpx.Client
) -> None:
    # When a job has completed
    with closing(stack.login()) as client:
        job = finished(client, submit(client, 10))
    # Then Flower knows it by its id
    shown = wait_until(lambda: task(flower, job["id"]).get("runtime") and task(flower, job["id"]))
    assert (shown["name"], shown["state"]) == ("generate", "SUCCESS")
    # And says what it was, without a word of the prompt
    assert shown["args"] == f"('generate', 'normal', '{job['id']}')"
    assert shown["runtime"] > 0


def test_a_job_that_failed_is_shown_as_a_failure(stack: Stack, flower: httpx.Client) -> None:
    # When a job outlasts its timeout
    with closing(stack.login()) as client:
        body = {"prompt": "one two ", "max_tokens": 500, "timeout_seconds": 1}
        job = finished(client, client.post("/generate", json=body).json())
    # Then Flower shows that it failed
    assert job["status"] == "failed"
    wait_until(lambda: task(flower, job["id"]).get("state") == "FAILURE", what="FAILURE")


def test_the_four_queues_are_visible(flower: httpx.Client) -> None:
    # Workers that were slow to answer are shown without their queues
    def shown() -> set[str]:
        return {
            queue["name"]
            for worker in (_workers(flower) or {}).values()
            for queue in worker.get("active_queues", ())
        }

    assert wait_until(shown) == {"q.urgent", "q.high", "q.normal", "q.low"}


@pytest.mark.parametrize("terminate", ["true", "false"])
def test_a_revoke_cancels_a_running_job(stack: Stack, flower: httpx.Client, terminate: str) -> None:
    # Given a running job that Flower shows
    with closing(stack.login()) as client:
        job = submit(client, 3000)
        wait_until(lambda: task(flower, job["id"]).get("state") == "STARTED", what="STARTED")
        # When somebody presses the button
        params = {"terminate": terminate}
        assert flower.post(f"/api/task/revoke/{job['id']}", params=params).is_success
        # Then the job is cancelled, and Flower shows it revoked
        assert finished(client, job)["status"] == "cancelled"
    wait_until(lambda: task(flower, job["id"]).get("state") == "REVOKED", what="REVOKED")


def test_nothing_is_shown_without_the_password(flower: httpx.Client) -> None:
    for path in ("/", "/workers", "/tasks", "/broker", "/api/workers", "/api/tasks", "/metrics"):
        assert httpx.get(f"{flower.base_url}{path}", trust_env=False).status_code == 401
    assert flower.get("/metrics").text.startswith("# HELP")


def test_a_probe_needs_no_password(flower: httpx.Client) -> None:
    assert httpx.get(f"{flower.base_url}/healthcheck", trust_env=False).text == "OK"


def test_a_task_shows_what_it_is_about_and_nothing_that_was_said(
    stack: Stack, flower: httpx.Client
) -> None:
    with closing(stack.login()) as client:
        job = finished(client, submit(client, 3, priority="high"))
    shown = wait_until(lambda: task(flower, job["id"]).get("args") and task(flower, job["id"]))
    assert shown["args"] == f"('generate', 'high', '{job['id']}')"
    assert "one two three" not in str(shown)


def test_what_it_saw_is_still_there_after_a_restart_under_another_address(
    stack: Stack, tmp_path: Path
) -> None:
    # Given Flower with a state of its own, which has seen a job
    env = {**stack.env, "STATE_DIR": str(tmp_path), "FLOWER_PASSWORD": LOGIN[1]}
    with _flower(tmp_path, env) as (client, process), closing(stack.login()) as gateway:
        wait_until(partial(_has_seen_one_of, gateway, client, []), what="a job in Flower")
        job = finished(gateway, submit(gateway, 3))
        wait_until(lambda: task(client, job["id"]).get("state") == "SUCCESS", what="SUCCESS")
        # When it is stopped, and started behind a proxy's path
        process.stop()
    settings = {"FLOWER_URL_PREFIX": "/ops/", "FLOWER_READ_ONLY": "true"}
    with _flower(tmp_path, {**env, **settings}, "/ops") as (client, _):
        # Then it shows the job there, and nothing elsewhere
        assert task(client, job["id"])["state"] == "SUCCESS"
        assert "/ops/static/" in client.get("/workers").text
        assert client.get(f"{client.base_url.copy_with(path='/workers')}").status_code == 404
        # And looks without touching
        assert client.post(f"/api/task/revoke/{job['id']}").status_code == 403


@contextmanager
def _flower(
    directory: Path, env: dict[str, str], prefix: str = ""
) -> Iterator[tuple[httpx.Client, Process]]:
    (directory / "flower").mkdir(exist_ok=True)
    port = str(any_free())
    command = [sys.executable, "-m", "cli", "flower"]
    process = Process("flower", command, directory / "flower.log", {**env, "FLOWER_PORT": port})
    base = f"http://127.0.0.1:{port}{prefix}"
    with httpx.Client(base_url=base, auth=LOGIN, timeout=60, trust_env=False) as client:
        try:
            wait_until(lambda: _workers(client), what="Flower's workers")
            yield client, process
        finally:
            process.stop()


def test_the_password_is_in_no_process_list(flower: httpx.Client) -> None:
    assert flower
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert LOGIN[1].encode() not in line.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
