"""A submit takes a short way through the gateway; nobody can tell but by the clock."""

import socket
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter, ValidationError

from api.requests.generate import GenerateRequest
from tests.support.gateway import Gateway
from tests.support.waiting import wait_until

TOO_LONG = {"prompt": "word " * 4000}  # tokens of echo: a byte each

#: JSON in, and whether it is a good body.
BODIES = {
    '{"prompt": "hi"}': True,
    '{"prompt": "hi", "max_tokens": 5, "temperature": 1, "stop": "x", "seed": 7}': True,
    '{"prompt": "hi", "stop": ["a", "b"], "metadata": {"a": "b"}, "priority": "low"}': True,
    '{"prompt": "hi", "prompt": "ho"}': True,
    '{"prompt": "h\\u00e9llo \\ud83e\\udd99", "deadline_seconds": 3}': True,
    '{"prompt": "hi", "response_format": {"type": "json_object"}, "on_disconnect": "cancel"}': True,
    '{"prompt": "hi", "max_tokens": 5.0}': False,
    '{"prompt": "hi", "max_tokens": "5"}': False,
    '{"prompt": "hi", "max_tokens": true}': False,
    '{"prompt": "hi", "temperature": NaN}': False,
    '{"prompt": "hi", "top_p": 1e400}': False,
    '{"prompt": "hi", "colour": 1}': False,
    '{"prompt": "\\ud800"}': False,
    '{"prompts": ["hi"]}': False,
}


@pytest.fixture
def admin(gateway: Gateway) -> Any:
    with gateway.client("admin") as client:
        yield client


@pytest.fixture
def grace(gateway: Gateway, admin: httpx.Client) -> httpx.Client:
    admin.post("/admin/users", json={"username": "grace", "password": "a long sentence"})
    return gateway.stack.login("grace", "a long sentence")


def the_long_way(client: httpx.Client, body: str | bytes, **headers: str) -> httpx.Response:
    """FastAPI's own: it takes every kind of JSON."""
    kind = {"Content-Type": "application/problem+json"}
    return client.post("/generate", content=body, headers={**kind, **headers})


def the_short_way(client: httpx.Client, body: str | bytes, **headers: str) -> httpx.Response:
    kind = {"Content-Type": "application/json"}
    return client.post("/generate", content=body, headers={**kind, **headers})


@pytest.mark.parametrize("body", BODIES)
def test_both_ways_read_a_body_alike(body: str) -> None:
    # Given a body, read from JSON at once and, as FastAPI does, from what json made of it
    try:
        short: GenerateRequest | None = GenerateRequest.model_validate_json(body)
    except ValidationError:
        short = None
    # Then the short way never takes what the other refuses, nor reads it otherwise
    assert (short is not None) == BODIES[body]
    if short is not None:
        parsed = httpx.Response(200, content=body).json()
        assert TypeAdapter(GenerateRequest).validate_python(parsed) == short


@pytest.mark.parametrize("body", [one for one, good in BODIES.items() if good])
def test_both_ways_answer_alike(client: httpx.Client, body: str) -> None:
    # When the same body takes either way
    short, long = the_short_way(client, body), the_long_way(client, body)
    # Then the answers differ in the job's id, its times and its place alone
    assert (short.status_code, long.status_code) == (202, 202)
    assert _timeless(short.json()) == _timeless(long.json())
    assert short.headers.keys() == long.headers.keys()


def _timeless(job: dict[str, Any]) -> dict[str, Any]:
    return {name: job[name] for name in job.keys() - {"id", "created_at", "queue", "urls"}}


@pytest.mark.parametrize("body", [one for one, good in BODIES.items() if not good])
def test_a_bad_body_is_refused_as_ever(client: httpx.Client, body: str) -> None:
    short, long = the_short_way(client, body), the_long_way(client, body)

    told = [answer.json() | {"request_id": ""} for answer in (short, long)]
    for one in told:
        one.pop("object", None)
    assert short.status_code == long.status_code
    if short.status_code >= 400:
        assert told[0] == told[1]


def test_the_answer_says_what_a_read_says(client: httpx.Client) -> None:
    # Given jobs that wait, and one more that is asked for everything that an answer shows
    for _ in range(3):
        the_short_way(client, '{"prompt": "before"}')
    body = '{"prompt": "hi", "metadata": {"desk": "fx"}, "priority": "low", "deadline_seconds": 90}'
    # When it is submitted, and read
    told = the_short_way(client, body).json()
    # Then both say the same, its place in the queue too
    assert client.get(told["urls"]["self"]).json() == told
    assert told["queue"]["position"] == 4


def test_who_has_no_say_hears_that_first(admin: httpx.Client, grace: httpx.Client) -> None:
    # Given Grace, who is logged in, and a request that is refused for its prompt
    with grace:
        assert grace.post("/generate", json=TOO_LONG).status_code == 422
        # When she becomes somebody who may not submit, and then nobody
        admin.patch("/admin/users/grace", json={"role": "metrics"})
        forbidden = [grace.post("/generate", json=one) for one in ({"prompt": "hi"}, TOO_LONG)]
        admin.delete("/admin/users/grace")
        unknown = [grace.post("/generate", json=one) for one in ({"prompt": "hi"}, TOO_LONG)]
    # Then that is what she is told, whatever she asks for
    assert [answer.status_code for answer in forbidden] == [403, 403]
    assert forbidden[0].json()["detail"] == forbidden[1].json()["detail"]
    assert [answer.status_code for answer in unknown] == [401, 401]
    assert unknown[0].json()["detail"] == unknown[1].json()["detail"]


def test_a_client_that_leaves_while_its_job_is_written_down_harms_nobody(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given a client whose job is on its way to a store that does not answer for a moment
    token = client.headers["Authorization"]
    body = b'{"prompt": "nobody waits for this"}'
    head = (
        f"POST /generate HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    where = client.base_url
    gateway.stack.valkey.pause()
    try:
        with socket.create_connection((where.host, where.port or 80)) as connection:
            connection.sendall(head.encode() + body)
            # When it hangs up
            connection.shutdown(socket.SHUT_RDWR)
    finally:
        gateway.stack.valkey.resume()
    # Then the next one is served, and nothing is being answered any more
    assert the_short_way(client, '{"prompt": "hi"}').status_code == 202
    wait_until(lambda: gateway.metric("llama_inflight_requests") <= 1, what="rest")
