"""POST /jobs/{id}/stream-token: a browser's EventSource follows one job for a minute."""

import time
from collections.abc import Iterator

import httpx
import jwt
import pytest

from cli.sse import parse_events, split_lines
from tests.support.gateway import Gateway
from tests.support.waiting import wait_until


@pytest.fixture
def browser(gateway: Gateway) -> Iterator[httpx.Client]:
    """It sends no Authorization header."""
    with gateway.stack.client() as client:
        yield client


def leave(client: httpx.Client, job_id: str) -> str:
    answer = client.post(f"/jobs/{job_id}/stream-token")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["expires_in"] == 60
    return str(answer.json()["url"])


def test_a_browser_follows_the_job(
    gateway: Gateway, client: httpx.Client, browser: httpx.Client
) -> None:
    # Given a finished job and leave to follow it
    job_id = gateway.desk.submit()
    gateway.complete(job_id, [7, 8])
    url = leave(client, job_id)
    # When a client without a header opens the address, twice, the second time from an event on
    names = []
    for last in ("0", "2"):
        with browser.stream("GET", url, headers={"Last-Event-ID": last}) as stream:
            names.append([event.name for event in parse_events(split_lines(stream.iter_text()))])
    # Then it hears the job
    assert names == [["status", "token", "usage", "done"], ["status", "usage", "done"]]


def test_the_token_is_good_for_nothing_else(
    gateway: Gateway, client: httpx.Client, browser: httpx.Client
) -> None:
    job_id, other = gateway.desk.submit(), gateway.desk.submit()
    token = leave(client, job_id).partition("token=")[2]

    assert browser.get(f"/jobs/{other}/events", params={"token": token}).status_code == 401
    assert browser.get(f"/jobs/{job_id}", params={"token": token}).status_code == 401
    assert browser.delete(f"/jobs/{job_id}", params={"token": token}).status_code == 401
    bearer = {"Authorization": f"Bearer {token}"}
    assert browser.get(f"/jobs/{job_id}", headers=bearer).status_code == 401


def test_an_access_token_in_the_address_is_refused(
    gateway: Gateway, client: httpx.Client, browser: httpx.Client
) -> None:
    job_id = gateway.desk.submit()
    token = client.headers["Authorization"].removeprefix("Bearer ")

    assert browser.get(f"/jobs/{job_id}/events", params={"token": token}).status_code == 401


def test_a_minute_later_it_is_void(gateway: Gateway, browser: httpx.Client) -> None:
    # Given a token of our own making that differs from a good one by its end alone
    job_id = gateway.desk.submit()
    gateway.complete(job_id, [7])
    gateway.redis.hset("user:ada", "role", "user")
    secret = (gateway.stack.directory / "jwt-secret").read_text()
    claims = {"iss": "caravan", "aud": "caravan-stream", "sub": "ada", "job": job_id}

    def status(seconds: int) -> int:
        now = int(time.time())
        times = {"iat": now, "exp": now + seconds}
        token = jwt.encode({**claims, **times}, secret, "HS256", {"typ": "st+jwt"})
        return browser.get(f"/jobs/{job_id}/events", params={"token": token}).status_code

    assert (status(30), status(-1)) == (200, 401)


def test_nobody_gets_leave_to_follow_another_users_job(gateway: Gateway) -> None:
    job_id = gateway.desk.submit()
    with gateway.client("bob") as bob:
        assert bob.post(f"/jobs/{job_id}/stream-token").status_code == 404


def test_the_token_stands_in_no_log(
    gateway: Gateway, client: httpx.Client, browser: httpx.Client
) -> None:
    job_id = gateway.desk.submit()
    gateway.complete(job_id, [7])
    url = leave(client, job_id)
    token = url.partition("token=")[2]
    before = gateway.stack.processes["gateway"].output().count("/jobs/{job_id}/events")
    refused = browser.get(url.replace(job_id, "job_other"))
    assert browser.get(url).status_code == 200

    log = gateway.stack.processes["gateway"].output
    wait_until(lambda: log().count("/jobs/{job_id}/events") >= before + 2, what="both lines")
    assert token not in log()
    assert token not in refused.text


def test_who_was_shut_out_follows_nothing(
    gateway: Gateway, client: httpx.Client, browser: httpx.Client
) -> None:
    job_id = gateway.desk.submit()
    gateway.complete(job_id, [7])
    token = client.post(f"/jobs/{job_id}/stream-token").json()["token"]
    gateway.redis.hset("user:ada", "disabled", 1)
    assert browser.get(f"/jobs/{job_id}/events", params={"token": token}).status_code == 401
