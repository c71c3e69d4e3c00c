"""API keys: for programs, cut to what they need, void when deleted."""

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from common import account_keys, keys
from tests.support.gateway import Gateway


@pytest.fixture
def ada(gateway: Gateway) -> Iterator[httpx.Client]:
    with gateway.client("ada") as client:
        yield client


def make(client: httpx.Client, **about: Any) -> Any:
    answer = client.post("/auth/keys", json={"name": "night shift", **about})
    assert answer.status_code == 201, answer.text
    return answer.json()


def with_key(gateway: Gateway, key: str) -> httpx.Client:
    client = gateway.stack.client()
    client.headers["Authorization"] = f"Bearer {key}"
    return client


def test_a_key_does_what_its_owner_does(gateway: Gateway, ada: httpx.Client) -> None:
    # Given a key
    made = make(ada)
    # When a program uses it
    with with_key(gateway, made["key"]) as program:
        job = program.post("/generate", json={"prompt": "llama"})
        assert job.status_code == 202
        # Then the job is its owner's
        assert ada.get(f"/jobs/{job.json()['id']}").status_code == 200
    # And the list shows the key's prefix and its last use, and nothing more of it
    (listed,) = ada.get("/auth/keys").json()["data"]
    assert made["key"].startswith(listed["prefix"])
    assert listed["last_used_at"] is not None
    assert "key" not in listed


def test_the_store_holds_no_key(gateway: Gateway, ada: httpx.Client) -> None:
    made = make(ada)
    stored = gateway.redis.hgetall(account_keys.api_key(made["id"]))
    assert made["key"].rpartition("_")[2] not in str(stored)


def test_a_key_that_reads_does_not_write(gateway: Gateway, ada: httpx.Client) -> None:
    with with_key(gateway, make(ada, scopes=["read"])["key"]) as program:
        assert program.get("/jobs").status_code == 200
        refused = program.post("/generate", json={"prompt": "llama"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    assert "write" in refused.json()["detail"]


def test_a_key_has_no_more_than_its_owner(gateway: Gateway, ada: httpx.Client) -> None:
    refused = ada.post("/auth/keys", json={"name": "x", "scopes": ["admin"]})
    assert refused.json()["errors"][0]["field"] == "scopes"
    # Given an administrator's key, whose owner then loses the role
    gateway.redis.hset(keys.user("ada"), "role", "admin")
    with with_key(gateway, make(ada, scopes=["read", "admin"])["key"]) as program:
        assert program.get("/admin/users").status_code == 200
        gateway.redis.hset(keys.user("ada"), "role", "user")
        assert program.get("/admin/users").status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/auth/keys"),
        ("POST", "/auth/keys"),
        ("DELETE", "/auth/keys/x"),
        ("POST", "/auth/password"),
        ("POST", "/auth/logout"),
    ],
)
def test_a_key_cannot_touch_the_account(
    gateway: Gateway, ada: httpx.Client, method: str, path: str
) -> None:
    body = {"current_password": "x", "new_password": "long enough"}
    body = body if path.endswith("password") else {"name": "x"} if path.endswith("keys") else {}
    with with_key(gateway, make(ada)["key"]) as program:
        refused = program.request(method, path, json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")


def test_a_deleted_key_is_void_at_once(gateway: Gateway, ada: httpx.Client) -> None:
    made = make(ada)
    with with_key(gateway, made["key"]) as program:
        assert program.get("/jobs").status_code == 200
        assert ada.delete(f"/auth/keys/{made['id']}").status_code == 204
        assert program.get("/jobs").status_code == 401
    assert ada.delete(f"/auth/keys/{made['id']}").status_code == 404


def test_a_key_expires(gateway: Gateway, ada: httpx.Client) -> None:
    made = make(ada, expires_in_days=1)
    with with_key(gateway, made["key"]) as program:
        assert program.get("/jobs").status_code == 200
        gateway.redis.hset(account_keys.api_key(made["id"]), "expires_ms", 1)
        refused = program.get("/jobs")
    assert refused.status_code == 401
    assert "expired" in refused.json()["detail"]


def test_another_users_key_is_not_there(gateway: Gateway, ada: httpx.Client) -> None:
    made = make(ada)
    with gateway.client("bob") as bob:
        assert bob.get("/auth/keys").json()["data"] == []
        assert bob.delete(f"/auth/keys/{made['id']}").status_code == 404
    with with_key(gateway, made["key"]) as program:
        assert program.get("/jobs").status_code == 200


@pytest.mark.parametrize("change", ["secret", "id", "cut", "case"])
def test_a_key_that_was_tampered_with_is_refused(
    gateway: Gateway, ada: httpx.Client, change: str
) -> None:
    key = make(ada)["key"]
    _, key_id, secret = key.split("_", 2)
    forged = {
        "secret": f"cvn_{key_id}_{'A' * len(secret)}",
        "id": f"cvn_{'0' * 16}_{secret}",
        "cut": key[:-1],
        "case": key.swapcase(),
    }[change]
    with with_key(gateway, forged) as program:
        assert program.get("/jobs").status_code == 401


def test_a_disabled_users_keys_are_void_and_come_back(gateway: Gateway, ada: httpx.Client) -> None:
    with with_key(gateway, make(ada)["key"]) as program:
        gateway.redis.hset(keys.user("ada"), "disabled", 1)
        assert program.get("/jobs").status_code == 401
        gateway.redis.hset(keys.user("ada"), "disabled", 0)
        assert program.get("/jobs").status_code == 200


@pytest.mark.parametrize("good", [True, False])
def test_a_key_is_what_the_openai_client_calls_one(
    gateway: Gateway, ada: httpx.Client, good: bool
) -> None:
    key = make(ada)["key"] if good else "cvn_wrong"
    expected = openai.NotFoundError if good else openai.AuthenticationError
    base_url = f"{gateway.stack.base_url}/v1"
    with (
        openai.OpenAI(base_url=base_url, api_key=key, max_retries=0) as client,
        pytest.raises(expected),
    ):
        client.responses.retrieve("resp_unknown")
