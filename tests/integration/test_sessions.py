"""Sessions and passwords: refreshed, ended, changed, and slow to guess."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from common import account_keys
from tests.support.gateway import Gateway
from tests.support.stack import PASSWORD, USERNAME


@pytest.fixture
def anonymous(gateway: Gateway) -> Iterator[httpx.Client]:
    with gateway.stack.client() as client:
        yield client


def log_in(client: httpx.Client, password: str = PASSWORD, username: str = USERNAME) -> Any:
    answer = client.post("/auth/login", json={"username": username, "password": password})
    assert answer.status_code == 200, answer.text
    return answer.json()


def refresh(client: httpx.Client, grant: dict[str, Any]) -> httpx.Response:
    return client.post("/auth/refresh", json={"refresh_token": grant["refresh_token"]})


def status_with(client: httpx.Client, grant: dict[str, Any]) -> int:
    header = {"Authorization": f"Bearer {grant['access_token']}"}
    return client.get("/jobs", headers=header).status_code


def test_a_refresh_token_gives_fresh_tokens_once(gateway: Gateway, anonymous: httpx.Client) -> None:
    # Given a login, carried on
    first = log_in(anonymous)
    second = refresh(anonymous, first).json()
    assert status_with(anonymous, second) == 200
    # When somebody uses the first refresh token again
    reused = refresh(anonymous, first)
    # Then the whole session is over, for thief and owner
    assert (reused.status_code, reused.json()["error"]["code"]) == (401, "invalid-credentials")
    assert refresh(anonymous, second).status_code == 401
    assert status_with(anonymous, second) == 401
    # And another session of the same user goes on
    assert status_with(anonymous, log_in(anonymous)) == 200


@pytest.mark.parametrize("token", ["x", "0" * 32 + "." + "a" * 43, "../session:x.y", "a" * 256])
def test_a_refresh_token_that_is_none_is_refused(anonymous: httpx.Client, token: str) -> None:
    answer = anonymous.post("/auth/refresh", json={"refresh_token": token})
    assert answer.status_code == 401


def test_a_refresh_secret_is_not_in_the_store(gateway: Gateway, anonymous: httpx.Client) -> None:
    session, secret = log_in(anonymous)["refresh_token"].split(".")
    stored = gateway.redis.hgetall(account_keys.session(session))
    assert stored["user"] == USERNAME
    assert secret not in str(stored)


@pytest.mark.parametrize(("body", "others_go_on"), [(None, True), ({"everywhere": True}, False)])
def test_a_logout_voids_tokens_at_once(
    anonymous: httpx.Client, body: dict[str, Any] | None, others_go_on: bool
) -> None:
    # Given two sessions of a user
    here, elsewhere = log_in(anonymous), log_in(anonymous)
    # When one logs out, of itself or of everything
    header = {"Authorization": f"Bearer {here['access_token']}"}
    assert anonymous.post("/auth/logout", json=body, headers=header).status_code == 204
    # Then its tokens are void, and those of the other as asked
    assert status_with(anonymous, here) == refresh(anonymous, here).status_code == 401
    assert (status_with(anonymous, elsewhere) == 200) is others_go_on
    assert (refresh(anonymous, elsewhere).status_code == 200) is others_go_on


def test_a_changed_password_ends_every_session_but_the_new_one(
    gateway: Gateway, anonymous: httpx.Client
) -> None:
    # Given two sessions
    one, other = log_in(anonymous), log_in(anonymous)
    # When one changes the password
    body = {"current_password": PASSWORD, "new_password": "a much better one"}
    header = {"Authorization": f"Bearer {one['access_token']}"}
    fresh = anonymous.post("/auth/password", json=body, headers=header)
    # Then only the answer's tokens are good, and only the new password
    assert status_with(anonymous, fresh.json()) == 200
    assert status_with(anonymous, one) == status_with(anonymous, other) == 401
    assert status_with(anonymous, log_in(anonymous, "a much better one")) == 200
    old = {"username": USERNAME, "password": PASSWORD}
    assert anonymous.post("/auth/login", json=old).status_code == 401


@pytest.mark.parametrize(
    ("current", "new", "status"),
    [("wrong", "a much better one", 401), (PASSWORD, "short", 422), (PASSWORD, PASSWORD, 422)],
)
def test_a_password_is_changed_by_who_knows_it_to_a_good_one(
    anonymous: httpx.Client, current: str, new: str, status: int
) -> None:
    header = {"Authorization": f"Bearer {log_in(anonymous)['access_token']}"}
    body = {"current_password": current, "new_password": new}
    assert anonymous.post("/auth/password", json=body, headers=header).status_code == status


def wrong(client: httpx.Client, username: str = USERNAME) -> httpx.Response:
    return client.post("/auth/login", json={"username": username, "password": "a guess"})


def test_guessing_becomes_slow_and_unknown_names_look_alike(
    gateway: Gateway, anonymous: httpx.Client
) -> None:
    # When two names are guessed at, of which one exists
    known, unknown = ([wrong(anonymous, name) for _ in range(7)] for name in (USERNAME, "nobody"))
    # Then both are slowed down alike
    for answers in (known, unknown):
        assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
        assert answers[-1].json()["error"]["code"] == "rate-limited"
        assert answers[-1].headers["Retry-After"] == "1"


def test_nobody_is_locked_out(gateway: Gateway, anonymous: httpx.Client) -> None:
    # Given an account that was guessed at until it became slow
    for _ in range(6):
        wrong(anonymous)
    # When the pause is over
    for key in gateway.redis.scan_iter("login:*"):
        gateway.redis.hset(key, "next_ms", 0)
    # Then the right password opens it, and the failures are forgotten
    log_in(anonymous)
    assert [wrong(anonymous).status_code for _ in range(5)] == [401] * 5


def test_guesses_at_once_are_counted_one_by_one(gateway: Gateway) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(12) as pool, gateway.stack.client() as client:
        statuses = list(pool.map(lambda _: wrong(client).status_code, range(12)))
    assert statuses.count(401) == 5
    assert statuses.count(429) == 7


def test_many_names_from_one_address_become_slow_too(
    gateway: Gateway, anonymous: httpx.Client
) -> None:
    statuses = [wrong(anonymous, f"name-{n}").status_code for n in range(32)]
    assert statuses[:30] == [401] * 30
    assert statuses[31] == 429


def test_who_came_in_is_logged_and_no_secret_is(gateway: Gateway, anonymous: httpx.Client) -> None:
    # Given a login, a refusal, a refresh and an API key in use
    grant = log_in(anonymous)
    wrong(anonymous, "mallory\n")
    fresh = refresh(anonymous, grant).json()
    header = {"Authorization": f"Bearer {fresh['access_token']}"}
    key = anonymous.post("/auth/keys", json={"name": "x"}, headers=header).json()["key"]
    anonymous.get("/jobs", headers={"Authorization": f"Bearer {key}"})
    # When the log is read
    log = gateway.stack.processes["gateway"].output()
    lines = [json.loads(line) for line in log.splitlines() if '"audit"' in line]
    said = {(line["action"], line["user"]) for line in lines}
    # Then each stands there, with its address, and nothing that opens a door
    assert {("login", "admin"), ("login.failed", "(no user name)"), ("key.create", "admin")} <= said
    assert ("key.use", "admin") in said
    assert all(line["address"] for line in lines if line["action"].startswith("login"))
    for secret in (PASSWORD, "a guess", *grant.values(), *fresh.values(), key):
        if secret not in ("bearer", 900):
            assert str(secret) not in log
