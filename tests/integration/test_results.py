"""GET /jobs/{id}/result: what a job made, and nothing else."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.desk import chunk
from tests.support.documents import EXAMPLE_REQUEST, EXAMPLE_RESPONSE
from tests.support.gateway import Gateway
from tests.support.waiting import wait_until


def submitted(client: httpx.Client) -> str:
    return str(client.post("/explain", json=EXAMPLE_REQUEST).json()["id"])


def complete(gateway: Gateway, job_id: str) -> None:
    """End the job as a worker would whose model said what the example says."""
    said, info = EXAMPLE_RESPONSE["explanation"], EXAMPLE_RESPONSE["model_info"]
    tokens, logprob = EXAMPLE_RESPONSE["tokens_used"], -0.11653381625595151 * 87
    gateway.desk.claim(job_id)
    ids = ",".join(map(str, range(1, tokens + 1)))
    lengths = ",".join([str(len(said)), *["0"] * (tokens - 1)])
    chunk = (0, tokens, said, ids, lengths, logprob, 190, "")
    fields = ("completed", "finish_reason", "stop", "model_info", json.dumps(info))
    gateway.desk.scripts("finish", job_id, "token", *chunk, *fields)


def shape(value: Any) -> Any:
    """The keys and types of a JSON value, in their order."""
    if isinstance(value, dict):
        return [(key, shape(inner)) for key, inner in value.items()]
    return type(value)


def test_an_explanation_is_the_documented_object_key_by_key(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given an explanation that ended as in the document's example
    job_id = submitted(client)
    complete(gateway, job_id)
    # When its result is read
    answer = client.get(f"/jobs/{job_id}/result")
    # Then it is that object: the same keys, types and values (the clock's apart)
    body = answer.json()
    assert shape(body) == shape(EXAMPLE_RESPONSE)
    assert body.pop("processing_time_ms") >= 0
    assert body == {k: v for k, v in EXAMPLE_RESPONSE.items() if k != "processing_time_ms"}


def test_the_example_is_still_the_one_that_our_documentation_shows() -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    shown = [json.loads(found) for found in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]

    assert shape(EXAMPLE_RESPONSE) in [shape(body) for body in shown]


def test_generated_text_comes_with_its_numbers(gateway: Gateway, client: httpx.Client) -> None:
    job_id = gateway.desk.submit()
    gateway.complete(job_id, [7, 8])

    body = client.get(f"/jobs/{job_id}/result").json()

    assert body == client.get(f"/jobs/{job_id}").json()["result"]
    assert (body["text"], body["tokens_used"]) == ("hi", 2)


@pytest.mark.parametrize("state", ["queued", "in_progress"])
def test_an_unfinished_job_has_no_result_yet(
    gateway: Gateway, client: httpx.Client, state: str
) -> None:
    job_id = gateway.desk.submit()
    if state == "in_progress":
        gateway.desk.claim(job_id)

    answer = client.get(f"/jobs/{job_id}/result")

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "job-not-finished")
    assert answer.json()["errors"][0]["value"] == state
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_result_can_be_waited_for(gateway: Gateway, client: httpx.Client) -> None:
    # Given a client that waits for the result of a job
    job_id = gateway.desk.submit()
    wait = {"Prefer": "wait=60"}
    with ThreadPoolExecutor() as pool:
        call = pool.submit(client.get, f"/jobs/{job_id}/result", headers=wait)
        wait_until(lambda: gateway.metric("llama_inflight_requests") == 2, what="its request")
        # When the job ends
        gateway.complete(job_id, [7, 8])
        answer = call.result(50)
    # Then that is the answer
    assert (answer.status_code, answer.json()["text"]) == (200, "hi")
    assert answer.headers["Preference-Applied"] == "wait=60"


def test_a_failed_job_answers_with_its_error(gateway: Gateway, client: httpx.Client) -> None:
    job_id = gateway.desk.submit()
    gateway.desk.claim(job_id)
    failed = ("failed", "error_code", "timeout", "error_message", "It ran too long.")
    gateway.desk.scripts("finish", job_id, "token", *chunk(0, []), *failed)

    answer = client.get(f"/jobs/{job_id}/result")

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "no-result")
    assert answer.json()["detail"] == "The job is failed (timeout): It ran too long."
    assert "Retry-After" not in answer.headers


def test_a_cancelled_job_has_no_result(gateway: Gateway, client: httpx.Client) -> None:
    job_id = gateway.desk.submit()
    client.delete(f"/jobs/{job_id}")

    answer = client.get(f"/jobs/{job_id}/result")

    assert (answer.status_code, answer.json()["errors"][0]["value"]) == (409, "cancelled")


def test_a_result_that_is_known_is_not_sent_again(gateway: Gateway, client: httpx.Client) -> None:
    job_id = gateway.desk.submit()
    gateway.complete(job_id, [7])
    etag = client.get(f"/jobs/{job_id}/result").headers["ETag"]

    again = client.get(f"/jobs/{job_id}/result", headers={"If-None-Match": etag})

    assert (again.status_code, again.content) == (304, b"")


def test_another_users_result_does_not_exist(gateway: Gateway) -> None:
    job_id = gateway.desk.submit()
    gateway.complete(job_id, [7])

    with gateway.client("bob") as bob:
        assert bob.get(f"/jobs/{job_id}/result").status_code == 404
