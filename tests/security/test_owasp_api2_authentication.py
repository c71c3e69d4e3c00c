"""OWASP API2:2023, broken authentication: every route but the listed asks who it is.

What a token must be: tests/unit/test_token_attacks.py; passwords and sessions:
tests/integration/test_sessions.py.
"""

import httpx
import pytest

from tests.support.gateway import Gateway
from tests.support.openapi import Operation
from tests.support.routes import OPERATIONS, example_body, ids

#: Open to all, on purpose. Whatever else is open fails the test below.
PUBLIC = {
    "POST /auth/login",
    "POST /auth/refresh",
    "GET /livez",
    "GET /readyz",
    "GET /health",  # 10 a minute
    "GET /status",
    "GET /status/history",
    "GET /model/info",
    "GET /metrics",  # in development; by a token or an API key in production
    "GET /.well-known/webhook-keys",
    "GET /.well-known/jwks.json",
}
CLOSED = [one for one in OPERATIONS if str(one) not in PUBLIC]

BEARERS = {
    "nobody": None,
    "an empty bearer": "Bearer",
    "basic": "Basic YWRtaW46YWRtaW4xMjM=",
    "rubbish": "Bearer x.y.z",
    "an unsigned token": "Bearer eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJzdWIiOiJhZG1pbiJ9.",
    "an unknown key": f"Bearer cvn_{'0' * 16}_{'a' * 43}",
    "a broken key": "Bearer cvn_1",
}


@pytest.mark.parametrize("operation", CLOSED, ids=ids)
def test_a_route_is_closed_to_who_is_not_known(
    anonymous: httpx.Client, operation: Operation
) -> None:
    path = operation.path.replace("{", "").replace("}", "")
    for bearer in BEARERS.values():
        headers = {"Authorization": bearer} if bearer is not None else {}
        body = example_body(operation)
        answer = anonymous.request(operation.method, path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"][:6]) in (
            (401, "unauth"),
            (401, "invali"),
        ), operation
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_list_of_open_routes_has_no_stale_name() -> None:
    assert {str(one) for one in OPERATIONS} >= PUBLIC


def test_who_is_disabled_deleted_or_logged_out_is_not_known_any_more(gateway: Gateway) -> None:
    with gateway.client("ada") as ada:
        assert ada.get("/jobs").is_success
        gateway.redis.hset("user:ada", "disabled", "1")
        assert ada.get("/jobs").status_code == 401
        gateway.redis.delete("user:ada")
        assert ada.get("/jobs").status_code == 401
