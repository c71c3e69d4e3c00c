"""DELETE /jobs/{id}?erase=true: a job and its text are forgotten."""

import json
from typing import Any

import httpx
import pytest

from tests.support.desk import chunk
from tests.support.gateway import Gateway

SECRET = "the plan for Tuesday"


def finished(gateway: Gateway, client: httpx.Client, **headers: str) -> str:
    job_id = str(client.post("/generate", json={"prompt": SECRET}, headers=headers).json()["id"])
    gateway.complete(job_id, [7, 8])
    return job_id


def erase(client: httpx.Client, job_id: str) -> Any:
    return client.delete(f"/jobs/{job_id}", params={"erase": True})


def facts_of(gateway: Gateway, delivery: str) -> dict[str, str]:
    """What a delivery will tell of its job."""
    facts: dict[str, str] = json.loads(str(gateway.redis.hget(f"hook:{delivery}", "facts")))
    return facts


def test_nothing_of_an_erased_job_is_left_but_its_tombstone(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given a finished job
    job_id = finished(gateway, client)
    # When it is erased
    answer = erase(client, job_id)
    # Then no key holds its text, and none but the tombstone names it
    assert (answer.status_code, answer.content) == (204, b"")
    kept = {key: gateway.redis.dump(key) for key in gateway.redis.keys("*")}
    assert [key for key in kept if job_id in key] == [f"gone:{job_id}"]
    assert not any(SECRET.encode() in (value or b"") for value in kept.values())
    assert client.get("/jobs").json()["data"] == []
    assert client.get("/jobs", params={"status": "completed"}).json()["data"] == []


def test_an_erased_job_is_gone_to_its_owner_and_unknown_to_others(
    gateway: Gateway, client: httpx.Client
) -> None:
    job_id = finished(gateway, client)
    erase(client, job_id)

    for path in ("", "/events", "/result"):
        assert client.get(f"/jobs/{job_id}{path}").status_code == 410
    with gateway.client("bob") as bob:
        assert bob.get(f"/jobs/{job_id}").status_code == 404


def test_erasing_again_changes_nothing(gateway: Gateway, client: httpx.Client) -> None:
    job_id = finished(gateway, client)

    assert [erase(client, job_id).status_code for _ in range(2)] == [204, 204]


def test_its_idempotency_key_makes_no_second_job(gateway: Gateway, client: httpx.Client) -> None:
    # Given an erased job that a key had made
    key = {"Idempotency-Key": "order-7"}
    erase(client, finished(gateway, client, **key))
    # When the same request comes once more
    again = client.post("/generate", json={"prompt": SECRET}, headers=key)
    # Then it is not run again
    assert (again.status_code, again.json()["error"]["code"]) == (410, "job-gone")
    assert gateway.redis.zcard("wait:normal") == 0


@pytest.mark.parametrize("state", ["queued", "in_progress"])
def test_a_job_that_goes_on_is_cancelled_first(
    gateway: Gateway, client: httpx.Client, state: str
) -> None:
    job_id = gateway.desk.submit()
    if state == "in_progress":
        gateway.desk.claim(job_id)

    answer = erase(client, job_id)

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "job-not-finished")
    assert answer.json()["errors"][0]["value"] == state
    assert gateway.desk.read(job_id).status == state


def test_a_stranger_erases_nothing(gateway: Gateway, client: httpx.Client) -> None:
    job_id = finished(gateway, client)

    with gateway.client("bob") as bob:
        assert erase(bob, job_id).status_code == 404

    assert client.get(f"/jobs/{job_id}").status_code == 200


def test_a_dead_letter_is_forgotten_too(gateway: Gateway, client: httpx.Client) -> None:
    job_id = gateway.desk.submit()
    gateway.desk.claim(job_id)
    failed = ("failed", "error_code", "timeout", "error_message", "It ran too long.")
    gateway.desk.scripts("finish", job_id, "token", *chunk(0, []), *failed)

    assert erase(client, job_id).status_code == 204
    assert gateway.redis.zcard("dead") == 0


def test_what_webhooks_have_yet_to_tell_is_told_without_the_text(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given a finished job whose end somebody is to hear with its result
    hook = {"webhook_url": "https://hooks.example.com/", "webhook_include_result": True}
    answer = client.post("/generate", json={"prompt": SECRET, **hook})
    job_id = answer.json()["id"]
    gateway.complete(job_id, [7, 8])
    (delivery,) = map(str, gateway.redis.zrange(f"hooks:of:{job_id}", 0, -1))
    assert facts_of(gateway, delivery)["text"] == "hi"
    # When the job is erased
    erase(client, job_id)
    # Then the delivery stands, and knows all but the text
    facts = facts_of(gateway, delivery)
    assert "text" not in facts
    assert (facts["status"], facts["tokens"]) == ("completed", "2")
    assert gateway.redis.zscore("hooks", delivery) is not None
