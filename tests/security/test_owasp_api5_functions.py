"""OWASP API5:2023, broken function level authorization: who may do what, on every route."""

from typing import Any

import httpx
import pytest

from tests.support.gateway import Gateway
from tests.support.openapi import Operation
from tests.support.routes import OPERATIONS, SECURED, example_body, ids, is_admins

#: Under /admin, and for the role metrics too.
OF_OBSERVERS = {"GET /admin/stats", "GET /admin/reload"}
#: With a bearer, but for everybody, whatever their scope.
OF_EVERYBODY = {"GET /health", "GET /metrics"}
ADMINS = [one for one in OPERATIONS if is_admins(one)]


def send(client: httpx.Client, operation: Operation, **how: Any) -> httpx.Response:
    path = operation.path.replace("{job_id}", "job_1").replace("{username}", "ada")
    path = path.replace("{", "").replace("}", "")
    return client.request(operation.method, path, json=example_body(operation), **how)


def key_with(gateway: Gateway, *scopes: str, user: str = "ada") -> dict[str, str]:
    with gateway.client(user) as client:
        made = client.post("/auth/keys", json={"name": "x", "scopes": list(scopes)})
        assert made.is_success, made.text
        return {"Authorization": f"Bearer {made.json()['key']}"}


def test_there_are_routes_of_administrators() -> None:
    assert len(ADMINS) >= 13


@pytest.mark.parametrize("operation", ADMINS, ids=ids)
def test_a_user_may_not_do_what_administrators_do(
    gateway: Gateway, ada: httpx.Client, operation: Operation
) -> None:
    gateway.redis.hset("user:watcher", "role", "metrics")
    with gateway.client("watcher") as watcher:
        for_user, for_metrics = send(ada, operation), send(watcher, operation)

    assert (for_user.status_code, for_user.json()["error"]["code"]) == (403, "forbidden")
    assert (for_metrics.status_code == 403) is (str(operation) not in OF_OBSERVERS)


@pytest.mark.parametrize("operation", ADMINS, ids=ids)
def test_an_administrators_key_without_the_scope_may_not_either(
    gateway: Gateway, operation: Operation
) -> None:
    key = key_with(gateway, "read", "write", user="admin")
    with gateway.stack.client() as client:
        assert send(client, operation, headers=key).status_code == 403


@pytest.mark.parametrize("operation", SECURED, ids=ids)
def test_a_key_does_what_its_scopes_say_and_no_more(gateway: Gateway, operation: Operation) -> None:
    reads, writes = key_with(gateway, "read"), key_with(gateway, "write")
    with gateway.stack.client() as client:
        by_reader = send(client, operation, headers=reads)
        by_writer = send(client, operation, headers=writes)
    if str(operation) in OF_EVERYBODY:
        return
    # Reading by a key that writes only, and the other way round, is forbidden
    wrong = by_writer if operation.method == "get" else by_reader
    assert wrong.status_code == 403, operation
    if operation.path.startswith("/auth/"):  # one's own account: by a login alone
        assert by_reader.status_code == by_writer.status_code == 403


@pytest.mark.parametrize(
    "operation",
    [one for one in SECURED if one.method != "get" and not is_admins(one)],
    ids=ids,
)
def test_the_role_metrics_changes_nothing(gateway: Gateway, operation: Operation) -> None:
    gateway.redis.hset("user:watcher", "role", "metrics")
    with gateway.client("watcher") as watcher:
        answer = send(watcher, operation)
    if not operation.path.startswith("/auth/"):  # their own password and keys are theirs
        assert answer.status_code == 403, answer.text


def test_a_key_cannot_have_more_than_its_owner(gateway: Gateway, ada: httpx.Client) -> None:
    # A user cannot make one that has more
    assert ada.post("/auth/keys", json={"name": "x", "scopes": ["admin"]}).status_code == 422
    # And one that an administrator made loses what its owner loses
    gateway.redis.hset("user:eve", "role", "admin")
    key = key_with(gateway, "read", "write", "metrics", "admin", user="eve")
    gateway.redis.hset("user:eve", "role", "user")
    with gateway.stack.client() as client:
        for operation in ADMINS:
            assert send(client, operation, headers=key).status_code == 403, operation


def test_a_role_that_is_taken_away_counts_at_once(gateway: Gateway) -> None:
    gateway.redis.hset("user:eve", "role", "admin")
    with gateway.client("eve") as eve:
        assert eve.get("/admin/users").status_code == 200
        gateway.redis.hset("user:eve", "role", "user")
        assert eve.get("/admin/users").status_code == 403


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"])
def test_another_method_is_no_way_around(ada: httpx.Client, method: str) -> None:
    answer = ada.request(method, "/admin/users")
    assert answer.status_code in (400, 403, 404, 405, 501), answer.status_code


@pytest.mark.parametrize(
    "header", ["X-HTTP-Method-Override", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL"]
)
def test_no_header_changes_what_is_asked(ada: httpx.Client, header: str) -> None:
    value = "DELETE" if "Method" in header else "/admin/users"
    assert ada.get("/jobs", headers={header: value}).json()["object"] == "list"


@pytest.mark.parametrize(
    "path",
    [
        "/admin/users/",
        "//admin/users",
        "/./admin/users",
        "/jobs/../admin/users",
        "/ADMIN/users",
        "/admin%2fusers",
        "/admin/users%00",
        "/admin/users;x=1",
        "/admin/users?role=admin",
    ],
)
def test_another_spelling_is_no_way_around(ada: httpx.Client, path: str) -> None:
    answer = ada.get(path)
    assert answer.status_code in (307, 400, 403, 404, 405), answer.status_code
