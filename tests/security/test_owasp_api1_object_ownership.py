"""OWASP API1:2023, broken object level authorization: what is Ada's does not exist for Bob.

The routes come from the API's own description: a new one with an id in its path, or a new kind
of id, fails here until it has a case.
"""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.batches import chat_line, jsonl
from tests.support.gateway import Gateway
from tests.support.openapi import Operation
from tests.support.post_office import PostOffice
from tests.support.routes import OPERATIONS, SECURED, example_body, ids, is_admins, parameters

#: What some routes need besides.
NEEDED = {"since": "2026-01-01T00:00:00Z"}
#: What a batch's record says of how far the service is with it.
PROGRESS = {"revision", "fed", "offset", "enrolled", "status", "total", "in_progress_ms"}


def job(gateway: Gateway, ada: httpx.Client) -> str:
    return gateway.desk.submit(user="ada")


def ended_job(gateway: Gateway, ada: httpx.Client) -> str:
    job_id = gateway.desk.submit(user="ada")
    gateway.complete(job_id, [7, 8])
    return job_id


def file(gateway: Gateway, ada: httpx.Client) -> str:
    upload = {"file": ("in.jsonl", jsonl([chat_line(1)]))}
    answer = ada.post("/v1/files", files=upload, data={"purpose": "batch"})
    return str(answer.json()["id"])


def batch(gateway: Gateway, ada: httpx.Client) -> str:
    return str(ada.post("/generate", json={"prompts": ["a", "b"]}).json()["id"])


def openai_batch(gateway: Gateway, ada: httpx.Client) -> str:
    body = {
        "input_file_id": file(gateway, ada),
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }
    return str(ada.post("/v1/batches", json=body).json()["id"])


def response(gateway: Gateway, ada: httpx.Client) -> str:
    body = {"model": "echo", "input": "hi", "background": True}
    return str(ada.post("/v1/responses", json=body).json()["id"])


def endpoint(gateway: Gateway, ada: httpx.Client) -> str:
    answer = ada.post("/webhooks/endpoints", json={"url": "https://hooks.example.com/x"})
    return str(answer.json()["id"])


def delivery(gateway: Gateway, ada: httpx.Client) -> str:
    office = PostOffice(gateway.desk)
    job_id = office.submit()
    office.complete(job_id)
    return office.of(job_id)[0].id


def key(gateway: Gateway, ada: httpx.Client) -> str:
    return str(ada.post("/auth/keys", json={"name": "x"}).json()["id"])


#: How Ada comes to an object, by the name of its id in a path.
MAKE: dict[str, list[Callable[[Gateway, httpx.Client], str]]] = {
    "job_id": [job, ended_job],
    "batch_id": [batch, openai_batch],
    "file_id": [file],
    "response_id": [response],
    "endpoint_id": [endpoint],
    "delivery_id": [delivery],
    "key_id": [key],
}
#: Names in paths that belong to nobody: models are everybody's.
NOBODYS = {"model"}

ABOUT_OBJECTS = [
    one
    for one in SECURED
    if (names := parameters(one, "path").keys() - NOBODYS) and not is_admins(one) and names
]
CASES = [
    pytest.param(one, make, id=f"{one} of {make.__name__}")
    for one in ABOUT_OBJECTS
    for name in parameters(one, "path")
    for make in MAKE.get(name, [])
]


def send(client: httpx.Client, operation: Operation, object_id: str) -> httpx.Response:
    (name,) = parameters(operation, "path")
    path = operation.path.replace(f"{{{name}}}", object_id)
    params = {name: NEEDED[name] for name in parameters(operation, "query") if name in NEEDED}
    return client.request(operation.method, path, json=example_body(operation), params=params)


def told(answer: httpx.Response, object_id: str) -> Any:
    """What a refusal says, less what every one says of its own."""
    return answer.json()["error"]["message"].replace(object_id, "ID")


def test_every_route_about_an_object_has_a_case() -> None:
    tried = {str(case.values[0]) for case in CASES}
    with_ids = {str(one) for one in OPERATIONS if "{" in one.path and not is_admins(one)}

    assert with_ids - tried == {"GET /v1/models/{model}"}
    assert len(tried) >= 29


@pytest.mark.parametrize(("operation", "make"), CASES)
def test_what_is_adas_does_not_exist_for_bob(
    gateway: Gateway,
    ada: httpx.Client,
    bob: httpx.Client,
    operation: Operation,
    make: Callable[[Gateway, httpx.Client], str],
) -> None:
    # Given an object of Ada's
    object_id = make(gateway, ada)
    before = {str(name): _dump(gateway, str(name)) for name in _records(gateway, object_id)}
    assert before
    # When Bob asks for it, and for one that nobody has
    refused = send(bob, operation, object_id)
    unknown = send(bob, operation, object_id[:-6] + "zzzzzz")
    # Then both do not exist, in the same words, and nothing has changed
    if str(operation) == "PUT /jobs/{job_id}":  # ids are one space: Bob's becomes no job
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "job-id-reuse")
        assert "ada" not in refused.json()["detail"].lower()
    else:
        assert refused.status_code == unknown.status_code == 404, refused.text
        assert told(refused, object_id) == told(unknown, object_id[:-6] + "zzzzzz")
    after = {str(name): _dump(gateway, str(name)) for name in _records(gateway, object_id)}
    assert after == before
    # And for Ada it is there
    if "events" not in operation.path:
        assert send(ada, operation, object_id).status_code not in (401, 403, 404)


def _records(gateway: Gateway, object_id: str) -> list[Any]:
    kinds = ("job", "batch", "file", "endpoint", "hook", "apikey")
    plain = object_id.removeprefix("resp_").removeprefix("key_")
    return [
        name
        for kind in kinds
        for name in gateway.redis.keys(f"{kind}:*{plain[-20:]}")
        if gateway.redis.type(name) == "hash"
    ]


def _dump(gateway: Gateway, name: str) -> Any:
    record = gateway.redis.hgetall(name)
    return {field: value for field, value in record.items() if field not in PROGRESS}


LISTS = [
    one for one in SECURED if one.method == "get" and "{" not in one.path and not is_admins(one)
]


@pytest.mark.parametrize("operation", LISTS, ids=ids)
def test_no_list_of_bobs_shows_what_is_adas(
    gateway: Gateway, ada: httpx.Client, bob: httpx.Client, operation: Operation
) -> None:
    # Given one of everything, Ada's
    made = [make(gateway, ada) for makers in MAKE.values() for make in makers]
    # When Bob reads a list
    answer = bob.get(operation.path)
    # Then nothing of hers is in it
    assert answer.status_code in (200, 403), answer.text
    for object_id in made:
        assert object_id not in answer.text
    if "data" in (answer.json() if "json" in answer.headers["content-type"] else {}):
        assert operation.path == "/v1/models" or answer.json()["data"] == []


def test_bob_cannot_name_what_is_adas_in_a_body_or_a_query(
    gateway: Gateway, ada: httpx.Client, bob: httpx.Client
) -> None:
    # A batch of Ada's file
    body = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
    answer = bob.post("/v1/batches", json={**body, "input_file_id": file(gateway, ada)})
    assert answer.status_code in (400, 404)
    # Her usage
    assert bob.get("/usage", params={"user": "ada"}).status_code == 403
    # Her jobs and files as the place where a page begins: an unknown one, as far as he knows
    for path, make in (("/jobs", ended_job), ("/v1/files", file), ("/batches", batch)):
        answer = bob.get(path, params={"after": make(gateway, ada)})
        unknown = bob.get(path, params={"after": "job_unknown"})
        assert (answer.status_code, answer.json().get("data")) == (
            unknown.status_code,
            unknown.json().get("data"),
        )


def test_a_stream_token_of_adas_opens_one_job_and_nothing_else(
    gateway: Gateway, ada: httpx.Client, anonymous: httpx.Client
) -> None:
    # Given a stream token for one job of Ada's, and another job
    mine, other = ended_job(gateway, ada), ended_job(gateway, ada)
    token = ada.post(f"/jobs/{mine}/stream-token").json()["token"]
    # Then it opens the events of that job
    assert anonymous.get(f"/jobs/{mine}/events", params={"token": token}).status_code == 200
    assert anonymous.get(f"/jobs/{other}/events", params={"token": token}).status_code == 401
    # And no other route, as parameter or as bearer
    bearer = {"Authorization": f"Bearer {token}"}
    for operation in SECURED:
        if operation.path in ("/jobs/{job_id}/events", "/health", "/metrics"):
            continue
        path = operation.path.replace("{job_id}", mine)
        body = example_body(operation)
        for how in ({"params": {"token": token}}, {"headers": bearer}):
            answer = anonymous.request(operation.method, path, json=body, **how)
            assert answer.status_code == 401, operation
