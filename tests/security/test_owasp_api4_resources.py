"""OWASP API4:2023, unrestricted resource consumption: everything that costs has a limit.

The limits in action: tests/integration/test_limits*.py, test_errors.py, test_sessions.py.
"""

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.gateway import Gateway
from tests.support.openapi import Operation, json_body
from tests.support.routes import API, OPERATIONS, ids, parameters

WITH_BODY = [one for one in OPERATIONS if json_body(one)]


def unlimited(schema: dict[str, Any], path: str, seen: frozenset[str]) -> Iterator[str]:
    """The texts, lists and numbers in a schema that may have any size."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in seen:
            yield from unlimited(API["components"]["schemas"][name], path, seen | {name})
        return
    for part in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from unlimited(part, path, seen)
    for name, part in schema.get("properties", {}).items():
        yield from unlimited(part, f"{path}.{name}", seen)
    kind = schema.get("type")
    if kind == "string" and not schema.keys() & {"maxLength", "enum", "const", "format", "pattern"}:
        yield path
    if kind == "array":
        if "maxItems" not in schema:
            yield f"{path}[]"
        yield from unlimited(schema.get("items", {}), f"{path}[]", seen)
    if kind in ("integer", "number") and not schema.keys() & {"maximum", "exclusiveMaximum"}:
        yield path


#: Bounded by the body alone (MAX_BODY_BYTES, and JSON of a bounded depth), or by a sentence of
#: their own: OpenAI's types, which its SDK writes.
BY_THE_BODY = ("messages", "context", "response_format", "metadata")
#: Bounded by validators, which the test of the most expensive job tries.
BY_HAND = ("prompts[]", "stop", "stop[]", "requests[]", "workers[]")


@pytest.mark.parametrize("operation", WITH_BODY, ids=ids)
def test_every_field_of_a_body_has_a_limit(operation: Operation) -> None:
    found = set(unlimited(json_body(operation) or {}, "body", frozenset()))
    if operation.path.startswith("/v1/"):
        return
    rest = {path for path in found if not any(word in path for word in BY_THE_BODY)}
    assert {path for path in rest if not path.endswith(BY_HAND)} == set()


@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if "limit" in parameters(one, "query")], ids=ids
)
def test_every_page_has_a_longest_size(gateway: Gateway, operation: Operation) -> None:
    path = operation.path.replace("{", "").replace("}", "")
    with gateway.client("admin") as admin:
        for limit in (0, -1, 10**9, 10**30):
            answer = admin.get(path, params={"limit": limit})
            assert answer.status_code in (400, 404, 422), (operation, limit)


def test_the_most_expensive_job_is_bounded(ada: httpx.Client) -> None:
    for field, value in (
        ("max_tokens", 10**9),
        ("timeout_seconds", 10**9),
        ("result_ttl_seconds", 10**12),
        ("stop", ["x"] * 1000),
        ("stop", ["x" * 10_000]),
        ("stop", "x" * 10_000),
        ("prompts", ["x"] * 10**5),
        ("metadata", {str(n): "x" for n in range(1000)}),
    ):
        body = {"prompt": "x", field: value} if field != "prompts" else {field: value}
        answer = ada.post("/generate", json=body)
        assert answer.status_code in (413, 422), (field, answer.status_code)
    one = {"context": {"analysis_type": "sentiment", "symbol": "A"}}
    answer = ada.post("/explain/batch", json={"requests": [one] * 60_000})
    assert answer.status_code in (413, 422)


def test_a_body_that_is_too_long_is_refused_before_its_end(
    gateway: Gateway, ada: httpx.Client
) -> None:
    # Given a body without a declared length, that goes on for ever
    head = (
        "POST /generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: {ada.headers['Authorization']}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    piece = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    with socket.create_connection(("127.0.0.1", gateway.stack.api_port), timeout=20) as raw:
        raw.sendall(head.encode())
        # When a little more than the limit has been sent
        for _ in range(17):
            raw.sendall(piece)
        # Then it is refused, without waiting for the rest
        assert raw.recv(64).startswith(b"HTTP/1.1 413 ")


def test_a_token_of_a_megabyte_costs_nothing(gateway: Gateway, anonymous: httpx.Client) -> None:
    for size in (3_000, 60_000):
        answer = anonymous.get("/jobs", headers={"Authorization": "Bearer " + "a" * size})
        assert answer.status_code in (400, 401, 431)
