"""Bad input and bad days: each a problem that says what to do."""

import json
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from common.job import new_job_id
from tests.models import default_gguf
from tests.support.gateway import Gateway, events_of
from tests.support.logs import wait_for_record
from tests.support.waiting import wait_until

KIB = 1024


def problem(answer: httpx.Response, status: int, code: str) -> Any:
    """The body of a refusal, checked for what every problem has."""
    body = answer.json()
    assert (answer.status_code, body["status"]) == (status, status), body
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["type"] == f"urn:caravan:problem:{code}"
    assert body["instance"] == answer.request.url.path
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["error"]["message"] == body["detail"]
    assert body["error"]["code"] == code
    return body


@pytest.mark.parametrize(
    ("body", "field", "limit", "value"),
    [
        ({"prompt": "hi", "max_token": 5}, "max_token", "known fields", 5),
        ({"prompt": ""}, "prompt", "1..100000 characters", ""),
        ({"prompt": " \n\t"}, "prompt", "1..100000 characters", " \n\t"),
        ({"prompt": "a\x00b"}, "prompt", "1..100000 characters", "a\x00b"),
        ({"prompt": 5}, "prompt", "1..100000 characters", 5),
        ({}, "prompt", "required", None),
        ({"prompt": "x", "max_tokens": 0}, "max_tokens", "1..4096 tokens", 0),
        ({"prompt": "x", "max_tokens": 4097}, "max_tokens", "1..4096 tokens", 4097),
        ({"prompt": "x", "max_tokens": "50"}, "max_tokens", "1..4096 tokens", "50"),
        ({"prompt": "x", "max_tokens": True}, "max_tokens", "1..4096 tokens", True),
        ({"prompt": "x", "temperature": 2.1}, "temperature", "0..2", 2.1),
        ({"prompt": "x", "top_p": 0}, "top_p", "above 0..1", 0),
        ({"prompt": "x", "top_k": -1}, "top_k", "0..1000", -1),
        ({"prompt": "x", "seed": 2**63}, "seed", "0..9223372036854775807", 2**63),
        ({"prompt": "x", "stop": []}, "stop", "1..8 strings", "[]"),
        ({"prompt": "x", "stop": ["", "a"]}, "stop.0", "at least 1 long", ""),
        ({"prompt": "x", "priority": "asap"}, "priority", None, "asap"),
        ({"prompt": "x", "on_disconnect": "sulk"}, "on_disconnect", None, "sulk"),
        ({"prompt": "x", "timeout_seconds": 61}, "timeout_seconds", "1..60 seconds", 61),
        ({"prompt": "x", "result_ttl_seconds": 59}, "result_ttl_seconds", None, 59),
        ({"prompt": "x", "deadline_seconds": 0}, "deadline_seconds", None, 0),
        ({"prompt": "x", "metadata": {"a": 1}}, "metadata.a", None, 1),
        ({"prompt": "x", "hook_url": "https://a"}, "hook_url", "known fields", "https://a"),
    ],
)
def test_a_bad_field_is_named_with_its_limit_and_its_value(
    gateway: Gateway,
    client: httpx.Client,
    body: dict[str, Any],
    field: str,
    limit: str | None,
    value: Any,
) -> None:
    # When it is submitted
    refused = problem(client.post("/generate", json=body), 422, "invalid-request")
    # Then the answer says what is wrong, and no worker will see it
    error = refused["errors"][0]
    assert (error["field"], error["value"]) == (field, value)
    assert error["limit"] == limit if limit else error["limit"]
    assert refused["error"]["param"] == field
    assert field in refused["detail"]
    assert gateway.redis.keys("job:*") == []


def test_an_unknown_field_is_answered_with_the_nearest_known_one(client: httpx.Client) -> None:
    body = problem(
        client.post("/generate", json={"prompt": "x", "temprature": 1}), 422, "invalid-request"
    )

    assert body["errors"][0]["message"] == "is not a known field; did you mean temperature?"


def test_an_overlong_value_is_quoted_by_its_beginning(client: httpx.Client) -> None:
    body = problem(client.post("/generate", json={"prompt": "x" * 100_001}), 422, "invalid-request")

    assert body["errors"][0]["value"] == f"{'x' * 100}… (100001 characters)"


def test_a_prompt_over_the_context_is_told_both_numbers(client: httpx.Client) -> None:
    body = problem(client.post("/generate", json={"prompt": "x" * 5000}), 422, "invalid-request")

    assert "5000" in body["detail"]
    assert "4096" in body["detail"]
    assert body["errors"][0] == {
        "field": "prompt",
        "limit": "1..4095 tokens",
        "value": 5000,
        "message": "has 5000 tokens, and the model's context is 4096",
    }


@pytest.mark.parametrize(
    ("context", "field"),
    [
        ({"symbol": "AAPL"}, "context.analysis_type"),
        ({"analysis_type": " "}, "context.analysis_type"),
        ({"analysis_type": "risk", "note": "x" * 2001}, "context.note"),
        ({"analysis_type": "risk", "note": "a\x1bb"}, "context.note"),
        ({"analysis_type": "risk", "list": [1] * 101}, "context.list"),
        ({"analysis_type": "risk", "a": {"b": {"c": {"d": 1}}}}, "context.a.b.c.d"),
        ({"analysis_type": "risk", **{f"k{n}": n for n in range(65)}}, "context"),
        ({"analysis_type": "risk", "k" * 65: 1}, f"context.{'k' * 65}"),
        ("sentiment", "context"),
    ],
)
def test_a_context_has_limits_too(client: httpx.Client, context: Any, field: str) -> None:
    body = problem(client.post("/explain", json={"context": context}), 422, "invalid-request")

    assert body["errors"][0]["field"] == field
    assert body["errors"][0]["limit"]


@pytest.mark.parametrize("text", ["{", '{"prompt": }', "{'prompt': 'x'}", "nonsense"])
def test_a_body_that_is_not_json_is_a_400(client: httpx.Client, text: str) -> None:
    headers = {"Content-Type": "application/json"}

    problem(client.post("/generate", content=text, headers=headers), 400, "invalid-json")


def test_a_body_of_very_many_small_values_is_refused_unread(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    many = '{"prompt": "x", "stop": [' + "1," * 110_000 + "1]}"

    body = problem(client.post("/generate", content=many, headers=headers), 400, "invalid-json")

    assert body["errors"][0]["limit"] == "104857 entries of arrays and objects"


def test_a_strangers_large_body_is_not_read(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/json", "Authorization": "Bearer nobody.at.all"}

    answer = client.post("/generate", content="[" * 60 + "1," * 40_000, headers=headers)

    problem(answer, 401, "unauthorized")


def test_commas_in_a_prompt_are_no_entries(client: httpx.Client) -> None:
    body = {"prompt": "," * 99_000 + "x", "system_prompt": "," * 19_000 + "x"}

    problem(client.post("/generate", json=body), 422, "invalid-request")


@pytest.mark.parametrize("body", [b"\xff\xfe{", b"[" * 100_000, b'{"seed": ' + b"9" * 5000 + b"}"])
def test_a_body_that_breaks_parsers_is_a_400(client: httpx.Client, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/generate", content=body, headers=headers)

    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_form_is_told_to_be_json(client: httpx.Client) -> None:
    problem(client.post("/generate", data={"prompt": "x"}), 415, "unsupported-media-type")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/generate", b'{"prompt": "a\\ud800"}'),
        ("/generate", b'{"prompt": "a", "metadata": {"a": "\\ud800"}}'),
        ("/generate", b'{"prompt": "a", "\\ud800": 1}'),
        ("/explain", b'{"context": {"analysis_type": "risk", "a": "\\ud800"}}'),
        ("/explain", b'{"context": {"analysis_type": "risk", "\\ud800": 1}}'),
    ],
)
def test_half_a_character_is_refused(client: httpx.Client, path: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post(path, content=body, headers=headers)

    problem(answer, 422, "invalid-request")


def test_a_large_body_is_refused_by_its_declared_size(client: httpx.Client) -> None:
    answer = client.post("/generate", json={"prompt": "x" * 2048 * KIB})

    body = problem(answer, 413, "body-too-large")
    assert body["errors"][0]["limit"] == "0..1048576 bytes"


def test_a_large_body_is_refused_as_it_streams(client: httpx.Client) -> None:
    pieces: Iterator[bytes] = (b"x" * 64 * KIB for _ in range(32))
    headers = {"Content-Type": "application/json"}

    problem(client.post("/generate", content=pieces, headers=headers), 413, "body-too-large")


@pytest.mark.parametrize("path", ["", "/events"])
@pytest.mark.parametrize(
    "job_id", ["job_unknown", "job_..", "x" * 300, "job%00", "%F0%9F%98%80", new_job_id()]
)
def test_an_unknown_or_malformed_id_is_a_404(client: httpx.Client, job_id: str, path: str) -> None:
    problem(client.get(f"/jobs/{job_id}{path}"), 404, "job-not-found")
    if not path:
        problem(client.delete(f"/jobs/{job_id}"), 404, "job-not-found")


def test_an_expired_job_is_gone_to_its_owner_and_unknown_to_others(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given a finished job whose record has expired
    job_id = gateway.desk.submit()
    gateway.complete(job_id, [1])
    gateway.redis.delete(f"job:{job_id}")
    # When it is asked for
    for answer in (
        client.get(f"/jobs/{job_id}"),
        client.delete(f"/jobs/{job_id}"),
        client.get(f"/jobs/{job_id}/events"),
    ):
        problem(answer, 410, "job-gone")
    # Then others hear nothing
    with gateway.client("bob") as bob:
        problem(bob.get(f"/jobs/{job_id}"), 404, "job-not-found")


def test_the_routers_own_refusals_are_problems_too(client: httpx.Client) -> None:
    problem(client.get("/nothing/here"), 404, "not-found")
    answer = client.put("/generate", json={})
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"] == "POST"


def test_a_sane_request_id_is_kept_and_any_other_replaced(client: httpx.Client) -> None:
    for given, kept in (("trace-42", True), ("a b", False), ("x" * 129, False)):
        answer = client.get("/livez", headers={"x-request-id": given})
        assert (answer.headers["x-request-id"] == given) == kept


def test_a_password_is_never_said_back(gateway: Gateway) -> None:
    with gateway.stack.client() as client:
        answer = client.post("/auth/login", json={"username": "a", "password": ["hunter2"]})

    problem(answer, 422, "invalid-request")
    assert "hunter2" not in answer.text


def test_every_request_leaves_one_line_of_json_and_no_prompt(
    gateway: Gateway, client: httpx.Client
) -> None:
    # When a job is submitted
    answer = client.post("/generate", json={"prompt": "my secret plan"})
    # Then the log has the request under its id, and not what was asked
    request_id, process = answer.headers["x-request-id"], gateway.stack.processes["gateway"]
    line = wait_for_record(process, request_id=request_id)
    assert (line["event"], line["status"], line["path"]) == ("request", 202, "/generate")
    assert line["job_id"] == answer.json()["id"]
    assert "my secret plan" not in process.output()


def test_an_unexpected_error_is_a_500_without_its_trace(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given a record that nobody could have written
    job_id = gateway.desk.submit()
    gateway.redis.hset(f"job:{job_id}", "kind", "nonsense")
    # When it is read
    answer = client.get(f"/jobs/{job_id}")
    # Then the client learns the request id, and the log the trace
    body = problem(answer, 500, "internal-error")
    assert "nonsense" not in answer.text
    about = {"request_id": body["request_id"], "event": "unexpected error"}
    entry = wait_for_record(gateway.stack.processes["gateway"], **about)
    assert "nonsense" in entry["exception"]


def test_every_refusal_of_a_submit_is_in_the_api_documentation(gateway: Gateway) -> None:
    with gateway.stack.client() as client:
        api = client.get("/openapi.json").json()

    for path in ("/generate", "/explain"):
        operation = api["paths"][path]["post"]
        assert set(operation["responses"]) == {
            *("200", "202", "400", "401", "402", "403", "413", "415", "422", "429", "503")
        }
        assert "queue-full" in operation["responses"]["503"]["description"]
    body = api["components"]["schemas"]["GenerateRequest"]["properties"]
    assert body["max_tokens"]["maximum"] == 4096
    assert all("description" in field for field in body.values())
    for name in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(api)):
        assert name in api["components"]["schemas"]
    for operation in (op for path in api["paths"].values() for op in path.values()):
        assert "HTTPValidationError" not in json.dumps(operation)


@pytest.fixture
def fragile(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway whose store a test may break."""
    with Gateway.running(tmp_path) as gateway:
        yield gateway


def ask_everything(client: httpx.Client) -> list[httpx.Response]:
    """The answers of all routes that need Redis, asked at once."""
    job = f"/jobs/{new_job_id()}"
    login = {"username": "admin", "password": "admin123"}
    requests = [
        client.build_request("POST", "/auth/login", json=login),
        client.build_request("POST", "/generate", json={"prompt": "x"}),
        client.build_request("GET", job),
        client.build_request("DELETE", job),
        client.build_request("GET", "/jobs"),
        client.build_request("GET", f"{job}/events"),
        client.build_request("GET", "/model/info"),
        client.build_request("GET", "/status"),
    ]
    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(client.send, requests))


@pytest.mark.parametrize("how", ["dead", "silent"])
def test_without_redis_everything_says_so_soon(fragile: Gateway, how: str) -> None:
    # Given a gateway that has spoken to Redis
    with fragile.client() as client:
        assert client.get("/jobs").status_code == 200
        # When Redis is gone
        if how == "dead":
            fragile.stack.valkey.kill()
        else:
            fragile.stack.valkey.pause()
        # Then every route that needs it says so within 5 s, and the others do without
        for answer in ask_everything(client):
            problem(answer, 503, "redis-unavailable")
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.elapsed.total_seconds() < 5, answer.request
        health = client.get("/health")
        assert (health.status_code, health.json()["status"]) == (503, "unhealthy")
        assert client.get("/readyz").status_code == 503
        assert client.get("/livez").status_code == 200
        assert "llama_http_request_duration_seconds" in client.get("/metrics").text


def test_a_full_store_takes_nothing_new_and_still_answers(fragile: Gateway) -> None:
    # Given a store without memory to spare, and a job in it
    job_id = fragile.desk.submit()
    with fragile.client() as client, fragile.stack.client() as anonymous:
        assert client.get("/jobs").status_code == 200
        fragile.redis.config_set("maxmemory", "1mb")
        # When another is submitted
        answer = client.post("/generate", json={"prompt": "x"})
        # Then it is refused for now, and what is there can be read, cancelled and looked after
        problem(answer, 503, "store-full")
        assert int(answer.headers["Retry-After"]) >= 1
        assert anonymous.get("/health").status_code == 200
        assert client.get(f"/jobs/{job_id}").json()["status"] == "queued"
        assert client.delete(f"/jobs/{job_id}").status_code == 200


def test_the_gateway_recovers_with_redis(fragile: Gateway) -> None:
    with fragile.client() as client:
        # Given a gateway whose Redis was restarted
        client.get("/jobs")
        fragile.stack.valkey.kill()
        assert client.get("/jobs").status_code == 503
        fragile.stack.valkey.start()
        # When a job is submitted, then it is taken, scripts and all
        assert client.post("/generate", json={"prompt": "x"}).status_code == 202


def test_a_stream_outlives_an_outage_of_redis(fragile: Gateway) -> None:
    # Given a stream of a running job
    job_id = fragile.desk.submit()
    fragile.desk.claim(job_id)
    with fragile.client() as client, events_of(client, job_id) as events:
        next(events)
        fragile.desk.append(job_id, 0, [7])
        seen = [next(events)]
        # When Redis is silent for a while, and then the job ends
        fragile.stack.valkey.pause()
        began = time.monotonic()
        wait_until(lambda: time.monotonic() - began > 4, what="four seconds")
        fragile.stack.valkey.resume()
        fragile.desk.finish(job_id, 1, [8])
        seen += events
    # Then the client gets it all in the same stream
    assert [event.name for event in seen] == ["token", "token", "usage", "done"]


def test_a_gateway_that_stops_ends_its_streams_and_no_job(fragile: Gateway) -> None:
    # Given a stream of a job that is cancelled when its client leaves
    with fragile.client() as client:
        body = {"prompt": "x", "on_disconnect": "cancel"}
        job_id = client.post("/generate", json=body).json()["id"]
        with events_of(client, job_id) as events:
            next(events)
            # When the gateway is told to stop
            status = fragile.stack.processes["gateway"].stop()
    # Then it does, and the job goes on: the client did not leave
    assert status == -signal.SIGTERM
    assert fragile.desk.read(job_id).status == "queued"


def test_a_missing_model_is_said_and_no_job_is_taken(tmp_path: Path) -> None:
    # Given a gateway whose model is not there
    with Gateway.running(
        tmp_path, ENGINE="llamacpp", MODEL=str(tmp_path / "absent.gguf")
    ) as gateway:
        with gateway.client() as client:
            # When a job is submitted
            answer = client.post("/generate", json={"prompt": "x"})
            ready = client.get("/readyz")
        # Then both say what is missing and what to run
        body = problem(answer, 503, "model-unavailable")
        assert "absent.gguf" in body["detail"]
        assert "python -m quantization fetch" in body["detail"]
        assert int(answer.headers["Retry-After"]) >= 1
        assert ready.json()["checks"]["model"]["detail"] == body["detail"]


@pytest.mark.model
def test_jobs_are_taken_as_soon_as_the_model_is_there(tmp_path: Path) -> None:
    # Given a gateway that was started before its model was fetched
    place = tmp_path / "model"
    settings = {"ENGINE": "llamacpp", "MODEL": str(place)}
    with Gateway.running(tmp_path, **settings) as gateway, gateway.client() as client:
        body = {"prompt": "The future of AI is"}
        problem(client.post("/generate", json=body), 503, "model-unavailable")
        # When the model arrives
        place.symlink_to(default_gguf().parent)
        # Then jobs are taken without a restart, their tokens counted as the model does
        wait_until(lambda: client.post("/generate", json=body).is_success, what="a 202")
        job = client.get("/jobs").json()["data"][0]
        assert job["usage"]["prompt_tokens"] == 35
