"""Who loses their right loses it at once, in the middle of an answer too."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from api.identity.vigil import CHECK_SECONDS
from tests.support.gateway import Gateway, events_of
from tests.support.waiting import wait_until

#: How soon: a look of the vigil, and what a busy machine adds.
SOON_SECONDS = CHECK_SECONDS + 8

Session = tuple[httpx.Client, httpx.Client, str]


@pytest.fixture
def admin(gateway: Gateway) -> Any:
    with gateway.client("admin") as client:
        yield client


def logged_in(gateway: Gateway, admin: httpx.Client, name: str = "grace") -> httpx.Client:
    body = {"username": name, "password": "a long sentence"}
    admin.post("/admin/users", json=body)
    return gateway.stack.login(name, "a long sentence")


def with_key(client: httpx.Client) -> tuple[httpx.Client, str]:
    made = client.post("/auth/keys", json={"name": "x"}).json()
    other = httpx.Client(base_url=client.base_url, timeout=20, trust_env=False)
    other.headers["Authorization"] = f"Bearer {made['key']}"
    return other, made["id"]


def disable(admin: httpx.Client, _: httpx.Client) -> None:
    assert admin.patch("/admin/users/grace", json={"disabled": True}).is_success


def delete(admin: httpx.Client, _: httpx.Client) -> None:
    assert admin.delete("/admin/users/grace").is_success


def log_out(_: httpx.Client, grace: httpx.Client) -> None:
    assert grace.post("/auth/logout").is_success


def log_out_everywhere(_: httpx.Client, grace: httpx.Client) -> None:
    assert grace.post("/auth/logout", json={"everywhere": True}).is_success


def change_password(admin: httpx.Client, _: httpx.Client) -> None:
    body = {"password": "another long sentence"}
    assert admin.patch("/admin/users/grace", json=body).is_success


Revoke = Callable[[httpx.Client, httpx.Client], None]


@pytest.mark.parametrize("revoke", [disable, delete, log_out, log_out_everywhere, change_password])
def test_an_open_stream_ends_soon(gateway: Gateway, admin: httpx.Client, revoke: Revoke) -> None:
    # Given a job of Grace, and an open stream of it
    with logged_in(gateway, admin) as grace:
        job = grace.post("/generate", json={"prompt": "hello"}).json()
        with events_of(grace, job["id"], timeout=SOON_SECONDS) as events:
            assert next(events).name == "status"
            # When she loses her right to it
            revoke(admin, grace)
            # Then the stream says so and ends, although the job does not
            *_, last = events
    said = json.loads(last.data)
    if revoke is delete:  # who is deleted loses their jobs too
        assert (last.name, said["status"]) == ("done", "cancelled")
    else:
        assert (last.name, said["code"]) == ("error", "unauthorized")
    wait_until(lambda: gateway.metric("llama_open_streams") == 0, what="no open stream")


@pytest.mark.parametrize("revoke", [disable, log_out])
def test_an_answer_that_is_held_back_is_not_given(
    gateway: Gateway, admin: httpx.Client, revoke: Revoke
) -> None:
    # Given a long poll of Grace's
    with logged_in(gateway, admin) as grace, ThreadPoolExecutor(1) as pool:
        job = grace.post("/generate", json={"prompt": "hello"}).json()
        wait = {"Prefer": "wait=60"}
        polled = pool.submit(grace.get, f"/jobs/{job['id']}", headers=wait, timeout=SOON_SECONDS)
        wait_until(lambda: gateway.metric("llama_inflight_requests") >= 2, what="a poll")
        # When she loses her right
        revoke(admin, grace)
        # Then it is answered soon, with a refusal
        assert polled.result().status_code == 401


def test_a_stream_of_an_api_key_ends_with_the_key(gateway: Gateway, admin: httpx.Client) -> None:
    with logged_in(gateway, admin) as grace:
        by_key, key_id = with_key(grace)
        job = by_key.post("/generate", json={"prompt": "hello"}).json()
        with events_of(by_key, job["id"], timeout=SOON_SECONDS) as events:
            next(events)
            assert grace.delete(f"/auth/keys/{key_id}").is_success
            *_, last = events
        by_key.close()
    assert json.loads(last.data)["code"] == "unauthorized"


def test_a_stream_of_openais_kind_ends_as_its_clients_expect(
    gateway: Gateway, admin: httpx.Client
) -> None:
    with logged_in(gateway, admin) as grace:
        body = {"model": "echo", "messages": [{"role": "user", "content": "hi"}], "stream": True}
        with grace.stream(
            "POST", "/v1/chat/completions", json=body, timeout=SOON_SECONDS
        ) as answer:
            wait_until(lambda: gateway.metric("llama_open_streams") == 1, what="an open stream")
            disable(admin, grace)
            last = answer.read().decode().strip().splitlines()[-1]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "unauthorized"


def test_a_stream_token_dies_with_its_session(gateway: Gateway, admin: httpx.Client) -> None:
    # Given the token of a stream
    with logged_in(gateway, admin) as grace:
        job = grace.post("/generate", json={"prompt": "hello"}).json()
        token = grace.post(f"/jobs/{job['id']}/stream-token").json()
        # When its session ends, then it opens nothing any more, although it is fresh
        log_out(admin, grace)
        assert httpx.get(f"{gateway.stack.base_url}{token['url']}").status_code == 401


def test_streams_of_others_go_on(gateway: Gateway, admin: httpx.Client) -> None:
    # Given streams of two users
    with logged_in(gateway, admin) as grace, logged_in(gateway, admin, "bob") as bob:
        jobs = [c.post("/generate", json={"prompt": "hello"}).json() for c in (grace, bob)]
        with (
            events_of(grace, jobs[0]["id"], timeout=SOON_SECONDS) as lost,
            events_of(bob, jobs[1]["id"], timeout=SOON_SECONDS) as kept,
        ):
            next(kept)
            disable(admin, grace)
            list(lost)
            # When one was ended, then the other still shows how its job completes
            gateway.complete(jobs[1]["id"], [7])
            assert list(kept)[-1].name == "done"
