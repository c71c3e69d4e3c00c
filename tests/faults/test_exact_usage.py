"""Sums of usage after everything that can happen to a job: to the token, to the billionth."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.support.stack import Stack, finished
from tests.support.waiting import wait_until

PASSWORD = "correct horse battery"
PRICES = {"echo": {"prompt": 0.0123, "completion": 0.0457}}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = {"ECHO_TOKENS_PER_SECOND": "100", "MODEL_PRICES": json.dumps(PRICES)}
    stack = Stack(tmp_path_factory.mktemp("priced"), ENGINE="echo", **settings)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


def submit(client: httpx.Client, max_tokens: int) -> Any:
    answer = client.post("/generate", json={"prompt": "the llama ", "max_tokens": max_tokens})
    assert answer.status_code == 202, answer.text
    return answer.json()


def test_kills_rescues_and_cancels_do_not_change_what_is_owed(stack: Stack) -> None:
    with ExitStack() as clients:
        # Given two users, and twice as many jobs of each as there are slots
        admin = clients.enter_context(stack.login())
        users = {}
        for name in ("ada", "bob"):
            admin.post("/admin/users", json={"username": name, "password": PASSWORD})
            users[name] = clients.enter_context(stack.login(name, PASSWORD))
        jobs = {name: [submit(users[name], 150 + n) for n in range(6)] for name in users}

        def running(name: str) -> list[Any]:
            page = users[name].get("/jobs", params={"status": "in_progress"}).json()["data"]
            return [job for job in page if job["usage"]["completion_tokens"] >= 5]

        # When a job that runs is cancelled, and the worker is killed under the others, twice
        first = wait_until(lambda: running("ada"), what="a running job")[0]
        users["ada"].delete(first["urls"]["cancel"])
        for _ in range(2):
            wait_until(lambda: running("ada") or running("bob"), what="a running job")
            stack.processes["worker"].kill()
            stack.start_worker()
        # And one that waits is cancelled, if one still does
        users["bob"].delete(jobs["bob"][-1]["urls"]["cancel"])
        ended = {name: [finished(users[name], job) for job in jobs[name]] for name in users}
        reports = {name: users[name].get("/usage").json()["totals"] for name in users}
        stats = admin.get("/admin/stats").json()["usage"]
    # Then every sum is the sum over the jobs, those that never started left out
    for name, report in reports.items():
        started = [job for job in ended[name] if job["started_at"]]
        assert report["jobs"] == len(ended[name]) == 6
        for field in ("prompt_tokens", "completion_tokens"):
            assert report[field] == sum(job["usage"][field] for job in started)
        nano = [round(job["usage"]["cost_usd"] * 1e9) for job in ended[name]]
        assert round(report["cost_usd"] * 1e9) == sum(nano)
        assert nano == [owed(job) for job in ended[name]]
    assert any(job["attempts"] > 1 for jobs in ended.values() for job in jobs)
    assert {job["status"] for job in ended["ada"]} == {"cancelled", "completed"}
    assert round(stats["totals"]["cost_usd"] * 1e9) == sum(
        round(report["cost_usd"] * 1e9) for report in reports.values()
    )


def owed(job: Any) -> int:
    """What a job costs, in billionths of a dollar."""
    if not job["started_at"]:
        return 0
    usage, price = job["usage"], PRICES["echo"]
    exact = usage["prompt_tokens"] * price["prompt"] + (
        usage["completion_tokens"] * price["completion"]
    )
    return int(exact * 1e6 + 0.5)


def test_a_user_sees_nothing_of_another(stack: Stack) -> None:
    with ExitStack() as clients:
        admin = clients.enter_context(stack.login())
        for name in ("carol", "dave"):
            admin.post("/admin/users", json={"username": name, "password": PASSWORD})
        carol = clients.enter_context(stack.login("carol", PASSWORD))
        dave = clients.enter_context(stack.login("dave", PASSWORD))
        job = submit(carol, 5)
        for path in (job["urls"]["self"], job["urls"]["events"], f"/jobs/{job['id']}/result"):
            assert dave.get(path).status_code == 404, path
        assert dave.delete(job["urls"]["cancel"]).status_code == 404
        assert dave.get("/jobs").json()["data"] == []
        assert finished(carol, job)["status"] == "completed"
        assert dave.get("/usage").json()["totals"]["jobs"] == 0
