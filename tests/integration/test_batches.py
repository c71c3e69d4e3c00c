"""Native batches: one request, many jobs."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from cli.sse import parse_events, split_lines
from tests.support.batches import native_ended
from tests.support.gateway import Gateway
from tests.support.stack import Stack

CONTEXT = {"analysis_type": "sentiment", "symbol": "AAPL", "sentiment_score": 0.75}


@pytest.fixture
def admin(echo_stack: Stack) -> Iterator[httpx.Client]:
    with echo_stack.login() as client:
        yield client


def submit(client: httpx.Client, prompts: list[str], **changes: Any) -> Any:
    answer = client.post("/generate", json={"prompts": prompts, "max_tokens": 3, **changes})
    assert answer.status_code == 202, answer.text
    return answer.json()


def test_prompts_make_a_batch_whose_lines_are_jobs(admin: httpx.Client) -> None:
    # When three prompts are submitted at once
    answer = admin.post("/generate", json={"prompts": ["one", "two", "three"], "max_tokens": 3})
    batch = answer.json()
    # Then there is a batch, and where to look for it
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/batches/{batch['id']}")
    assert (batch["object"], batch["kind"], batch["priority"]) == ("batch", "generate", "low")
    # And once it has ended, each prompt's job can be read where it stood in the request
    batch = native_ended(admin, batch)
    assert batch["status"] == "completed"
    assert batch["request_counts"] == {"total": 3, "completed": 3, "failed": 0, "cancelled": 0}
    texts = [admin.get(f"/jobs/{job}").json()["result"]["text"] for job in batch["jobs"]]
    assert texts == ["one", "two", "thr"]
    assert batch["usage"]["completion_tokens"] == 9


def test_an_answer_can_be_held_until_the_batch_has_ended(admin: httpx.Client) -> None:
    body = {"requests": [{"context": CONTEXT, "max_tokens": 3}] * 4}

    answer = admin.post("/explain/batch", json=body, headers={"Prefer": "wait=30"})

    assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, "wait=30")
    assert answer.json()["request_counts"]["completed"] == 4
    job = admin.get(f"/jobs/{answer.json()['jobs'][3]}").json()
    assert len(job["result"]["explanation"]) == 3


def test_the_results_are_one_file_of_json_lines(admin: httpx.Client) -> None:
    batch = native_ended(admin, submit(admin, ["one", "two"]))

    lines = admin.get(batch["urls"]["output"]).text.splitlines()

    found = {line["custom_id"]: line for line in map(json.loads, lines)}
    assert set(found) == {"0", "1"}
    assert found["1"]["id"] == batch["jobs"][1]
    assert found["1"]["response"]["body"]["result"]["text"] == "two"


def test_a_request_that_does_not_fit_fails_alone(admin: httpx.Client) -> None:
    # Given a prompt that is longer than the model's context, between two others
    batch = native_ended(admin, submit(admin, ["one", "x" * 5000, "two"]))
    # Then it has failed as a job of its own, and says both numbers
    counts = batch["request_counts"]
    assert (batch["status"], counts["completed"], counts["failed"]) == ("completed", 2, 1)
    job = admin.get(f"/jobs/{batch['jobs'][1]}").json()
    assert job["status"] == "failed"
    assert "5000 tokens" in job["error"]["message"]
    (line,) = admin.get(batch["urls"]["errors"]).text.splitlines()
    assert json.loads(line)["response"]["status_code"] == 422


def test_the_events_of_a_batch_tell_how_far_it_is_and_end_with_it(admin: httpx.Client) -> None:
    batch = submit(admin, [f"prompt {number}" for number in range(40)])

    with admin.stream("GET", batch["urls"]["events"]) as stream:
        events = list(parse_events(split_lines(stream.iter_text())))

    assert {event.name for event in events[:-1]} == {"progress"}
    counts = [json.loads(event.data)["request_counts"]["completed"] for event in events[:-1]]
    assert counts == sorted(counts)
    assert events[-1].name == "done"
    assert json.loads(events[-1].data)["request_counts"]["completed"] == 40


def test_a_batch_is_listed_once_and_its_lines_are_no_entries_of_the_jobs(
    admin: httpx.Client,
) -> None:
    batch = native_ended(admin, submit(admin, ["one", "two"]))

    page = admin.get("/batches", params={"limit": 1}).json()
    jobs = admin.get("/jobs", params={"limit": 100}).json()["data"]

    assert [one["id"] for one in page["data"]] == [batch["id"]]
    assert "jobs" not in page["data"][0]
    assert not {job["id"] for job in jobs} & set(batch["jobs"])


def test_a_batch_needs_no_room_in_the_limits_of_its_user(gateway: Gateway) -> None:
    # Given a gateway without workers
    with gateway.client() as client:
        # When a batch of more lines than a user may have jobs is submitted
        batch = submit(client, ["one"] * 300)
        # Then the user may go on as before
        assert client.post("/generate", json={"prompt": "hi"}).status_code == 202
        # And a line that waits outside the queue reads as a queued job
        last = client.get(f"/jobs/{batch['id']}_299")
        if batch["request_counts"]["total"]:
            assert last.json()["status"] == "queued"


def test_the_same_key_and_body_give_the_same_batch(gateway: Gateway) -> None:
    with gateway.client() as client:
        headers = {"Idempotency-Key": "k-1"}
        first = client.post("/generate", json={"prompts": ["a", "b"]}, headers=headers)
        again = client.post("/generate", json={"prompts": ["a", "b"]}, headers=headers)
        other = client.post("/generate", json={"prompts": ["a", "c"]}, headers=headers)

    assert first.json()["id"] == again.json()["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert other.status_code == 422


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/generate", {"prompts": []}, "prompts"),
        ("/generate", {"prompts": ["a", ""]}, "prompts.1"),
        ("/generate", {"prompts": "a"}, "prompts"),
        ("/generate", {"prompts": ["a"], "prompt": "a"}, "prompt"),
        ("/generate", {"prompts": ["a"], "max_tokens": 0}, "max_tokens"),
        ("/explain/batch", {"requests": []}, "requests"),
        ("/explain/batch", {"requests": [{"max_tokens": 3}]}, "requests.0.context"),
        ("/explain/batch", {}, "requests"),
    ],
)
def test_what_is_wrong_with_a_batch_is_said_at_once(
    client: httpx.Client, path: str, body: Any, field: str
) -> None:
    answer = client.post(path, json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def test_a_batch_is_nobody_elses(gateway: Gateway) -> None:
    with gateway.client("ada") as ada, gateway.client("bob") as bob:
        batch = submit(ada, ["one"])
        for method, path in (
            ("GET", batch["urls"]["self"]),
            ("POST", batch["urls"]["cancel"]),
            ("GET", batch["urls"]["events"]),
            ("GET", f"/v1/batches/{batch['id']}"),
            ("GET", f"/jobs/{batch['id']}_0"),
        ):
            assert bob.request(method, path).status_code == 404
        assert ada.get("/batches/batch_unknown").status_code == 404
        assert ada.get("/batches/no such").status_code == 404


def test_a_user_has_so_many_unfinished_batches_at_most(gateway: Gateway) -> None:
    with gateway.client() as client:
        for _ in range(10):
            submit(client, ["one"])
        answer = client.post("/generate", json={"prompts": ["one"]})

    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too-many-batches")


def test_a_cancelled_batch_ends_without_a_worker(gateway: Gateway) -> None:
    # Given a batch that nobody works on
    with gateway.client() as client:
        batch = submit(client, ["one"] * 250)
        # When it is cancelled
        answer = client.post(batch["urls"]["cancel"])
        assert answer.json()["status"] in ("cancelling", "cancelled")
        batch = native_ended(client, batch)
        # Then every line that was known is written down as cancelled, and the queue is empty
        counts = batch["request_counts"]
        assert (batch["status"], counts["cancelled"]) == ("cancelled", counts["total"])
        assert gateway.redis.zcard("batch:backlog") == gateway.redis.zcard("wait:low") == 0
        # And it cannot be cancelled again
        assert client.post(batch["urls"]["cancel"]).status_code == 409


def test_a_webhook_that_this_service_would_not_call_is_refused_at_once(
    client: httpx.Client,
) -> None:
    url = "http://127.0.0.1:9/hook"

    one = client.post("/generate", json={"prompts": ["a"], "webhook_url": url})
    two = client.post(
        "/explain/batch", json={"requests": [{"context": CONTEXT}], "webhook_url": url}
    )

    assert [answer.status_code for answer in (one, two)] == [422, 422]
    assert one.json()["errors"][0]["field"] == "webhook_url"
