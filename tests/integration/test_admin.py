"""Commands to the workers and the operator's numbers, for an administrator alone."""

from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from api.answers import CommandBody
from api.statistics import StatsBody
from common import keys
from common.commands import Command, Verb, parse_command
from tests.support.gateway import Gateway
from tests.support.stack import Stack, finished
from tests.support.waiting import wait_until

ROUTES = [("POST", "/admin/warmup"), ("POST", "/admin/reload"), ("GET", "/admin/stats")]


@pytest.fixture
def admin(gateway: Gateway) -> Iterator[httpx.Client]:
    with gateway.client("admin") as client:
        yield client


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_else_may(gateway: Gateway, client: httpx.Client, method: str, path: str) -> None:
    refused = client.request(method, path)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    with gateway.stack.client() as anonymous:
        assert anonymous.request(method, path).status_code == 401


@pytest.mark.parametrize("verb", Verb)
def test_a_command_reaches_every_worker_that_listens(
    gateway: Gateway, admin: httpx.Client, verb: Verb
) -> None:
    # Given two workers that listen
    with gateway.redis.pubsub() as one, gateway.redis.pubsub() as other:
        for worker in (one, other):
            worker.subscribe(keys.COMMANDS_CHANNEL)
            worker.get_message(timeout=5)
        # When an administrator gives a command
        answer = admin.post(f"/admin/{verb}")
        # Then both hear it, under the id that the answer names
        heard = [worker.get_message(timeout=5)["data"] for worker in (one, other)]
    body = CommandBody.model_validate(answer.json(), extra="forbid")
    assert (answer.status_code, body.command, body.workers) == (202, verb, 2)
    assert [parse_command(message) for message in heard] == [Command(verb, body.id)] * 2


def test_without_workers_nobody_hears_it(admin: httpx.Client) -> None:
    assert admin.post("/admin/reload").json()["workers"] == 0


def test_the_stats_count_what_ended(gateway: Gateway, admin: httpx.Client) -> None:
    gateway.complete(gateway.desk.submit(), [1])
    stats = admin.get("/admin/stats").json()
    StatsBody.model_validate(stats, extra="forbid")
    completed = {"kind": "generate", "priority": "normal", "status": "completed", "jobs": 1}
    assert stats["ended"] == [completed]
    assert stats["dead"] == 0


def test_a_real_worker_reloads_and_goes_on(echo_stack: Stack) -> None:
    with closing(echo_stack.login()) as client:
        # Given a worker that is told to load its model again
        command = client.post("/admin/reload").json()
        assert command["workers"] == 1
        # When a job comes at once
        job = client.post("/generate", json={"prompt": "llama", "max_tokens": 5}).json()
        # Then it is completed, and the worker has obeyed
        assert finished(client, job)["status"] == "completed"

        def obeyed() -> bool:
            (worker,) = client.get("/status").json()["workers"]
            return (worker["last_command"], worker["state"]) == (command["id"], "ready")

        wait_until(obeyed, what="the reload")
