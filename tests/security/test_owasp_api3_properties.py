"""OWASP API3:2023, broken object property level authorization: nobody sets what is not theirs
to set, and no answer has more than it is described to have.

That answers are as described is checked for all routes in tests/integration/test_openapi.py.
"""

import json
from typing import Any

import httpx
import pytest

from tests.support.gateway import Gateway
from tests.support.openapi import Operation
from tests.support.routes import SECURED, example_body, ids, is_admins, properties

#: What somebody would love to set. Those that an operation knows are left out for it.
COVETED: dict[str, Any] = {
    "role": "admin",
    "is_admin": True,
    "scope": "admin",
    "scopes": ["admin"],
    "user_id": "ada",
    "owner": "ada",
    "username": "ada",
    "status": "completed",
    "id": "job_1",
    "created_at": 0,
    "disabled": False,
    "rate_limit_per_minute": 1_000_000,
    "max_jobs": 1_000_000,
    "monthly_budget_usd": 1e9,
    "tokens_per_minute": 1_000_000,
    "prompt_guard": "off",
    "cost_usd": 0,
    "usage": {"total_tokens": 0},
    "prices": {},
    "result": {"text": "x"},
    "attempts": 0,
    "waiter": "x",
    "token": "x",
    "worker": "x",
    "v": 2,
    "__proto__": {"role": "admin"},
    "constructor": {},
}
WITH_BODY = [one for one in SECURED if properties(one)]


@pytest.mark.parametrize("operation", WITH_BODY, ids=ids)
def test_a_field_that_is_not_described_is_refused(gateway: Gateway, operation: Operation) -> None:
    # Given a body that is good
    known = properties(operation)
    path = operation.path.replace("{", "").replace("}", "")
    with gateway.client("admin") as admin:
        for name, value in COVETED.items():
            if name in known:
                continue
            # When one field more is in it
            body = {**example_body(operation), name: value}
            answer = admin.request(operation.method, path, json=body)
            # Then it is refused by its name, even for an administrator
            assert answer.status_code in (400, 422), (operation, name, answer.text)
            assert name in answer.json()["error"]["message"], (operation, name)
    assert gateway.redis.keys("job:*") == []


def test_nobody_makes_themselves_an_administrator(gateway: Gateway, bob: httpx.Client) -> None:
    for field, value in (("role", "admin"), ("max_jobs", 9), ("disabled", False)):
        assert bob.patch("/admin/users/bob", json={field: value}).status_code == 403
    body = {"name": "x", "scopes": ["admin"]}
    key = bob.post("/auth/keys", json=body)
    if key.is_success:  # a scope is a limit, not a right
        bearer = {"Authorization": f"Bearer {key.json()['key']}"}
        assert bob.get("/admin/users", headers=bearer).status_code == 403
    assert gateway.redis.hget("user:bob", "role") == "user"


def test_no_answer_shows_a_secret(gateway: Gateway) -> None:
    # Given a user with password, session, key, endpoint and secret
    with gateway.client("admin") as admin:
        admin.post("/admin/users", json={"username": "grace", "password": "a long sentence"})
        with gateway.stack.login("grace", "a long sentence") as grace:
            key = grace.post("/auth/keys", json={"name": "x"}).json()["key"]
            hook = {"url": "https://hooks.example.com/x"}
            made = grace.post("/webhooks/endpoints", json=hook).json()
            shown = [grace.get(path).text for path in ("/auth/keys", "/webhooks/endpoints")]
            shown.append(grace.get(f"/webhooks/endpoints/{made['id']}").text)
        shown += [admin.get(path).text for path in ("/admin/users", "/admin/users/grace")]
    # Then nothing that is shown later holds any of them, nor a digest
    stored = gateway.redis.hgetall(gateway.redis.keys("apikey:*")[0])
    secrets = ("argon2", "a long sentence", key, str(stored["digest"]), made["secret"])
    for text in shown:
        assert json.loads(text)
        assert not [secret for secret in secrets if secret in text]


def test_an_administrators_routes_say_no_more_of_a_job_than_their_owners(
    gateway: Gateway, bob: httpx.Client
) -> None:
    # Bob's job is not found by an administrator's own token either: they have their own routes.
    job_id = gateway.desk.submit(user="bob")
    with gateway.client("admin") as admin:
        assert admin.get(f"/jobs/{job_id}").status_code == 404


def test_every_body_is_closed() -> None:
    assert [str(one) for one in WITH_BODY if is_admins(one)]
    assert len(WITH_BODY) >= 15
