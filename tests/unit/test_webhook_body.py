"""What a receiver reads."""

import json
from typing import Any

import pytest

from common.webhooks import Delivery, DeliveryStatus, Format
from worker.webhooks.body import LARGEST_BODY_BYTES, render

FACTS: dict[str, Any] = {
    "kind": "generate",
    "status": "completed",
    "metadata": '{"order": "7"}',
    "created_ms": "1000",
    "started_ms": "2000",
    "completed_ms": "3500",
    "prompt_tokens": "6",
    "tokens": "3",
    "finish_reason": "stop",
    "cost_nano": "1500000",
}


def delivery(event: str = "job.completed", **changes: Any) -> Delivery:
    return Delivery(
        **{
            "id": "whd_1",
            "event_id": "evt_1",
            "user": "ada",
            "subject": "job_1",
            "event": event,
            "format": Format.NATIVE,
            "endpoint": "",
            "url": "https://a.b/",
            "lane": "ada@a.b",
            "status": DeliveryStatus.SENDING,
            "created_ms": 3500,
            "facts": FACTS,
            **changes,
        }
    )


def read(delivery: Delivery) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(render(delivery))
    return body


def test_a_body_is_thin() -> None:
    assert read(delivery()) == {
        "type": "job.completed",
        "timestamp": "1970-01-01T00:00:03.500Z",
        "data": {
            "id": "job_1",
            "object": "job",
            "kind": "generate",
            "status": "completed",
            "created_at": "1970-01-01T00:00:01.000Z",
            "started_at": "1970-01-01T00:00:02.000Z",
            "completed_at": "1970-01-01T00:00:03.500Z",
            "error": None,
            "usage": {
                "prompt_tokens": 6,
                "completion_tokens": 3,
                "total_tokens": 9,
                "cost_usd": 0.0015,
            },
            "urls": {"self": "/jobs/job_1", "result": "/jobs/job_1/result"},
            "metadata": {"order": "7"},
        },
    }


def test_it_is_the_same_in_every_attempt() -> None:
    assert render(delivery(attempts=1)) == render(delivery(attempts=9, failures=8))


@pytest.mark.parametrize(("kind", "name"), [("generate", "text"), ("explain", "explanation")])
def test_the_result_is_there_for_who_asked_for_it(kind: str, name: str) -> None:
    wanted = delivery(include_result=True, facts={**FACTS, "kind": kind, "text": "Hé"})

    assert read(wanted)["data"]["result"] == {
        name: "Hé",
        "finish_reason": "stop",
        "tokens_used": 3,
        "processing_time_ms": 1500,
    }


@pytest.mark.parametrize("text", [None, "\n" * 16_000], ids=["left out", "too large in JSON"])
def test_a_large_result_is_omitted_and_said_to_be(text: str | None) -> None:
    facts = FACTS if text is None else {**FACTS, "text": text}
    body = render(delivery(include_result=True, facts=facts))

    assert len(body) < LARGEST_BODY_BYTES
    data = json.loads(body)["data"]
    assert (data["result"], data["result_omitted"]) == (None, True)


def test_a_failed_job_says_why() -> None:
    facts = {**FACTS, "status": "failed", "error_code": "timeout", "error_message": "Too long."}

    assert read(delivery("job.failed", facts=facts))["data"]["error"] == {
        "code": "timeout",
        "message": "Too long.",
    }


def test_a_job_may_have_an_id_of_its_clients_choice() -> None:
    assert read(delivery(subject="order-7"))["data"]["urls"]["self"] == "/jobs/order-7"


def test_a_batch_tells_its_own_facts() -> None:
    batch = delivery("batch.completed", subject="batch_1", facts={"request_counts": {"total": 2}})

    assert read(batch)["data"] == {"id": "batch_1", "request_counts": {"total": 2}}


def test_the_openai_format_has_an_id_and_nothing_more() -> None:
    assert read(delivery("response.completed", format=Format.OPENAI)) == {
        "id": "evt_1",
        "object": "event",
        "created_at": 3,
        "type": "response.completed",
        "timestamp": "1970-01-01T00:00:03.500Z",
        "data": {"id": "job_1"},
    }


def test_paths_become_addresses_where_the_public_one_is_known() -> None:
    body = json.loads(render(delivery(), "https://llama.example.com"))

    job_id = body["data"]["id"]
    assert body["data"]["urls"]["self"] == f"https://llama.example.com/jobs/{job_id}"
