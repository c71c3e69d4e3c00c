"""JSON answers and log-probabilities over HTTP, on real weights."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest

from api.answers import JobBody
from tests.support.gateway import Gateway
from tests.support.stack import Stack, finished

REVIEW = {
    "type": "object",
    "properties": {
        "sentiment": {"enum": ["bullish", "bearish", "neutral"]},
        "score": {"type": "integer", "minimum": 0, "maximum": 100},
    },
    "required": ["sentiment", "score"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "review", "schema": REVIEW}}


@pytest.fixture
def llama(llama_stack: Stack) -> Iterator[httpx.Client]:
    with llama_stack.login() as client:
        yield client


def submitted(client: httpx.Client, path: str = "/generate", **body: Any) -> Any:
    body = {"prompt": "What of AAPL?", "max_tokens": 60, "temperature": 0} | body
    if path == "/explain":
        body["context"] = {"analysis_type": "sentiment", "symbol": "AAPL", "score": 0.75}
        del body["prompt"]
    answer = client.post(path, json=body)
    assert answer.status_code == 202, answer.text
    return finished(client, answer.json())


@pytest.mark.model
def test_an_answer_and_an_explanation_follow_their_schema(llama: httpx.Client) -> None:
    for path, text in (("/generate", "text"), ("/explain", "explanation")):
        job = submitted(llama, path, response_format=FORMAT)
        jsonschema.validate(json.loads(job["result"][text]), REVIEW)


@pytest.mark.model
def test_free_text_may_be_asked_for_by_name(llama: httpx.Client) -> None:
    named = submitted(llama, max_tokens=5, response_format={"type": "text"})
    assert named["result"]["text"] == submitted(llama, max_tokens=5)["result"]["text"]


@pytest.mark.model
def test_logprobs_are_in_the_result_if_they_were_asked_for(llama: httpx.Client) -> None:
    job = submitted(llama, max_tokens=5, logprobs=2)
    JobBody.model_validate(job, extra="forbid")
    told = job["result"]["logprobs"]
    assert "".join(token["token"] for token in told) == job["result"]["text"]
    assert [len(token["top_logprobs"]) for token in told] == [2] * 5
    assert "logprobs" not in submitted(llama, max_tokens=5)["result"]


@pytest.mark.model
def test_the_worker_says_what_it_can(llama: httpx.Client) -> None:
    assert llama.get("/model/info").json()["features"] == ["logprobs", "response_format"]


def test_an_engine_that_knows_no_grammar_refuses_the_format_at_once(echo_stack: Stack) -> None:
    with echo_stack.login() as client:
        refused = client.post("/generate", json={"prompt": "hi", "response_format": FORMAT})
    body = refused.json()
    assert (refused.status_code, body["error"]["code"]) == (400, "not-supported")
    assert body["error"]["param"] == "response_format"
    assert "echo" in body["detail"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"type": "xml"}, "response_format"),
        ("json", "response_format"),
        ({"type": "json_schema"}, "response_format.json_schema"),
        (
            {"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}},
            "response_format.json_schema.name",
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "what"}}},
            "response_format.json_schema.schema",
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "a", "schema": {"$ref": "#/none"}}},
            "response_format.json_schema.schema",
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "a", "schema": {"title": "x" * 40000}}},
            "response_format.json_schema.schema",
        ),
    ],
)
def test_a_format_that_cannot_be_followed_is_refused_with_the_reason(
    gateway: Gateway, client: httpx.Client, asked: Any, field: str
) -> None:
    refused = client.post("/generate", json={"prompt": "hi", "response_format": asked})
    assert refused.status_code == 422
    assert refused.json()["error"]["param"] == field


def test_more_log_probabilities_than_a_record_holds_are_refused(
    gateway: Gateway, client: httpx.Client
) -> None:
    body = {"prompt": "hi", "logprobs": 20, "max_tokens": 4096}
    refused = client.post("/generate", json=body)
    assert (refused.status_code, refused.json()["error"]["param"]) == (422, "logprobs")
    assert "40960" in refused.json()["detail"]


def test_a_stream_and_the_record_have_the_same_log_probabilities(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given a job whose tokens came in two chunks, by two attempts
    job_id = client.post("/generate", json={"prompt": "hi", "logprobs": 0}).json()["id"]
    desk = gateway.desk
    desk.claim(job_id)
    first = (0, 2, "ab", "97,98", "1,1", -0.5, 10, '["a",-0.25,[]],["b",-0.25,[]]')
    desk.scripts("append", job_id, "token", *first)
    desk.release(job_id)
    desk.claim(job_id, "later")
    last = (2, 1, "c", "99", "1", -0.5, 10, '["c",-0.5,[["c",-0.5]]]')
    desk.scripts("finish", job_id, "later", *last, "completed", "finish_reason", "length")
    # Then all of them are in the result, in order
    told = client.get(f"/jobs/{job_id}").json()["result"]["logprobs"]
    assert [(token["token"], token["logprob"]) for token in told] == [
        ("a", -0.25),
        ("b", -0.25),
        ("c", -0.5),
    ]
    assert told[2]["top_logprobs"] == [{"token": "c", "bytes": [99], "logprob": -0.5}]
