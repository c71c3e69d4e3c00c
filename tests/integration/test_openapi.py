"""The service does what its description says: every example works, whatever else is sent.

Bounded here; for a longer run: ``FUZZ_EXAMPLES=200 pytest tests/integration/test_openapi.py``.
"""

import json
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case, CheckContext, Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.openapi import Operation, describe, examples_of, json_body, operations
from tests.support.stack import Stack

#: What Schemathesis tries with each operation.
TRIES = int(os.environ.get("FUZZ_EXAMPLES", "8"))
LONG = TRIES > 50

with tempfile.TemporaryDirectory() as directory:
    API = describe(Path(directory))
SCHEMA = schemathesis.openapi.from_dict(API)
SCHEMA.config.phases.coverage.enabled = LONG  # thousands of requests
SCHEMA.config.generation.with_security_parameters = False  # the session has a key

LINE = {
    "custom_id": "1",
    "method": "POST",
    "url": "/v1/chat/completions",
    "body": {"model": "echo", "messages": [{"role": "user", "content": "hello"}]},
}

#: Somebody who is there before the examples are, with the password that one of them changes.
GRACE, PASSWORD = "grace", "a long sentence"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service of its own: what is tried here may be anything."""
    stack = Stack(tmp_path_factory.mktemp("described"), ENGINE="echo", REQUEST_TIMEOUT="5")
    try:
        stack.start()
        with closing(stack.login()) as admin:
            admin.post("/admin/users", json={"username": GRACE, "password": PASSWORD})
        yield stack
    finally:
        stack.stop()


def shown() -> Iterator[Any]:
    """Every example of a body, with its operation."""
    for operation in operations(API):
        for number, example in enumerate(examples_of(API, json_body(operation) or {})):
            yield pytest.param(operation, example, id=f"{operation} {number}")


def as_grace(stack: Stack) -> httpx.Client:
    return stack.login(GRACE, PASSWORD)


def prepared(
    stack: Stack, client: httpx.Client, operation: Operation, body: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """The address, and the body with names of what is there in place of the examples' own."""
    path = operation.path.replace("{job_id}", str(uuid.uuid4())).replace("{username}", GRACE)
    if "{endpoint_id}" in path:
        url = {"url": "https://hooks.example.com/caravan"}
        path = path.replace(
            "{endpoint_id}", client.post("/webhooks/endpoints", json=url).json()["id"]
        )
    if "refresh_token" in body:
        login = {"username": GRACE, "password": PASSWORD}
        body = {"refresh_token": client.post("/auth/login", json=login).json()["refresh_token"]}
    if operation.path.startswith("/v1/") and "model" in body:
        body = {**body, "model": "echo"}
    if "input_file_id" in body:
        files = {"file": ("lines.jsonl", json.dumps(LINE).encode())}
        uploaded = client.post("/v1/files", files=files, data={"purpose": "batch"})
        body = {**body, "input_file_id": uploaded.json()["id"]}
    return path, body


@pytest.mark.parametrize(("operation", "example"), list(shown()))
def test_every_documented_example_works(stack: Stack, operation: Operation, example: Any) -> None:
    # Given somebody who may do it
    own = operation.path in ("/auth/logout", "/auth/password")
    with closing(as_grace(stack) if own else stack.login()) as client:
        path, body = prepared(stack, client, operation, example)
        # When the example is sent
        answer = client.request(operation.method, path, json=body)
        # Then it works, with an answer that is documented
        assert answer.is_success, answer.text
        assert str(answer.status_code) in operation.about["responses"]
    if operation.path == "/auth/password":
        with closing(stack.login(GRACE, body["new_password"])) as client:
            back = {"current_password": body["new_password"], "new_password": PASSWORD}
            assert client.post(path, json=back).is_success


def nothing_breaks(_: CheckContext, response: Response, case: Case[Any]) -> None:
    """No 5xx, but a 503 that says why and when to come back."""
    if response.status_code < 500:
        return
    assert response.status_code == 503, f"{case.method} {case.path}: {response.text}"
    assert response.json()["error"]["code"]


@pytest.fixture(scope="module")
def session(stack: Stack) -> Iterator[requests.Session]:
    """Calls by an administrator's API key, since what is tried may end sessions."""
    with closing(stack.login()) as admin, requests.Session() as session:
        body = {"name": "fuzz", "scopes": ["read", "write", "admin"]}
        key = admin.post("/auth/keys", json=body).json()["key"]
        session.headers["Authorization"] = f"Bearer {key}"
        yield session


@SCHEMA.parametrize()
@settings(
    max_examples=TRIES,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_sent_the_answer_is_as_documented(
    case: Case[Any], stack: Stack, session: requests.Session
) -> None:
    # When anything that fits its description, or almost, is sent by an administrator
    response = case.call(base_url=stack.base_url, session=session, timeout=30)
    # Then the status, the type and the body of the answer are documented ones
    case.validate_response(
        response,
        checks=[
            nothing_breaks,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ],
    )
