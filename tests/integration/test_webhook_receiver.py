"""From a job's end to the receiver in examples/: gateway, webhook worker and receiver are real."""

import base64
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from openai import OpenAI
from standardwebhooks import Webhook

from api.webhooks.events import JobEvent, JobEventData
from cli.ports import any_free
from tests.support.gateway import Gateway
from tests.support.mail import SETTINGS
from tests.support.processes import Process
from tests.support.sink import OK, Receipt, Reply, Sink
from tests.support.waiting import wait_until

EXAMPLE = Path(__file__).parents[2] / "examples" / "webhook_receiver.py"
ENDED = ("succeeded", "failed", "cancelled")


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway and a webhook worker."""
    with Gateway.running(tmp_path_factory.mktemp("post"), **SETTINGS) as gateway:
        gateway.stack.start_webhooks()
        yield gateway


@pytest.fixture
def ada(post: Gateway) -> Iterator[httpx.Client]:
    with post.client() as client:
        yield client


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A receiver that keeps what it gets."""
    sink = Sink()
    sink.start()
    yield sink
    sink.stop()


def complete(post: Gateway, client: httpx.Client, route: str = "/generate", **fields: Any) -> str:
    """Submit a job and run it to its end; its id."""
    answer = client.post(route, json={"prompt": "hello", **fields})
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["id"]
    post.complete(job_id, [1, 2])
    return job_id


def delivered(client: httpx.Client, **query: str) -> Any:
    """The newest delivery of these once it has ended."""

    def ended() -> Any:
        data = client.get("/webhooks/deliveries", params=query).json()["data"]
        return data[0] if data and data[0]["status"] in ENDED else None

    return wait_until(ended, what="the end of a delivery")


def receipt(sink: Sink) -> Receipt:
    """The one thing that came."""
    wait_until(lambda: sink.receipts, what="a receipt")
    (only,) = sink.receipts
    return only


def start_example(directory: Path, port: int, secret: str) -> Process:
    """Run the example, and return once it listens."""
    command = [sys.executable, str(EXAMPLE), "--port", str(port), "--handled"]
    environment = {"PATH": os.environ["PATH"], "WEBHOOK_SECRET": secret}
    process = Process(
        "receiver", [*command, str(directory / "handled")], directory / "log", environment
    )
    wait_until(lambda: _listens(port), what="the example")
    return process


def _listens(port: int) -> bool:
    try:
        return httpx.post(f"http://127.0.0.1:{port}/", trust_env=False).status_code == 400
    except httpx.TransportError:
        return False


def test_the_example_handles_each_event_once_even_if_it_comes_twice(
    post: Gateway, ada: httpx.Client, tmp_path: Path
) -> None:
    # Given the example, with the user's secret
    port, secret = any_free(), ada.get("/webhooks/secret").json()["secret"]
    url = f"http://127.0.0.1:{port}/hook"
    example = start_example(tmp_path, port, secret)
    try:
        # When a job ends that reports to it
        job_id = complete(post, ada, webhook_url=url)
        delivery = delivered(ada, job=job_id)
        # Then it handles the event
        assert delivery["status"] == "succeeded"
        assert [one["answer"] for one in delivery["attempts"]] == ["handled"]
        # And when the event comes again, even after a restart, it does not
        example.stop()
        example = start_example(tmp_path, port, secret)
        replayed = ada.post(f"/webhooks/deliveries/{delivery['id']}/replay")
        assert replayed.status_code == 202, replayed.text
        again = delivered(ada, job=job_id)
        assert [one["answer"] for one in again["attempts"]] == ["handled", "handled before"]
        assert example.output().splitlines() == [f"job.completed {job_id}"]
        # And what somebody else signed is not believed
        body = json.dumps({"type": "job.completed", "data": {"id": "job_1"}}).encode()
        headers = {"webhook-id": "evt_x", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
        forged = httpx.post(url, content=body, headers=headers, trust_env=False)
        assert (forged.status_code, "job_1" in example.output()) == (400, False)
    finally:
        example.stop()


def test_the_secret_of_the_api_verifies_what_arrives_before_and_after_a_rotation(
    post: Gateway, ada: httpx.Client, sink: Sink
) -> None:
    # Given the secret, and the one that replaced it
    old = ada.get("/webhooks/secret").json()["secret"]
    new = ada.post("/webhooks/secret").json()["secret"]
    # When a job ends
    job_id = complete(post, ada, webhook_url=sink.url, webhook_include_result=True)
    came = receipt(sink)
    # Then both verify it
    for secret in (old, new):
        event = Webhook(secret).verify(came.body, dict(came.headers))
        assert (event["type"], event["data"]["id"]) == ("job.completed", job_id)
        assert event["data"]["result"]["text"] == "bc"
        assert event["data"]["urls"]["self"].endswith(f"/jobs/{job_id}")
    # And it is what the API's description says
    told = JobEvent.model_validate_json(came.body)
    assert told.model_dump(mode="json", exclude_unset=True).keys() == event.keys()
    assert event["data"].keys() <= JobEventData.model_fields.keys()


def test_whoever_has_no_secret_can_check_with_the_public_key(
    post: Gateway, ada: httpx.Client, sink: Sink
) -> None:
    # Given the public key
    (key,) = ada.get("/.well-known/webhook-keys").json()["keys"]
    complete(post, ada, webhook_url=sink.url)
    came = receipt(sink)
    # Then it verifies the v1a signature, as JWK and as whpk
    parts = dict(part.split(",") for part in came.headers["webhook-signature"].split())
    signed = f"{came.headers['webhook-id']}.{came.headers['webhook-timestamp']}.".encode()
    for raw in (
        base64.urlsafe_b64decode(key["x"] + "="),
        base64.b64decode(key["whpk"].removeprefix("whpk_")),
    ):
        public = Ed25519PublicKey.from_public_bytes(raw)
        public.verify(base64.b64decode(parts["v1a"]), signed + came.body)


def test_an_endpoint_hears_of_its_events_with_its_own_secret(
    post: Gateway, ada: httpx.Client, sink: Sink
) -> None:
    # Given an endpoint for failures and its test
    body = {"url": sink.url, "events": ["job.cancelled"]}
    made = ada.post("/webhooks/endpoints", json=body).json()
    path = f"/webhooks/endpoints/{made['id']}"
    try:
        # When it is tested, a job completes, and another is cancelled
        assert ada.post(f"{path}/test").status_code == 202
        assert delivered(ada, endpoint=made["id"])["attempts"][0]["status_code"] == 200
        complete(post, ada)
        cancelled = ada.post("/generate", json={"prompt": "hello"}).json()
        ada.delete(cancelled["urls"]["self"])
        delivered(ada, job=cancelled["id"])
        # Then it heard of the test and of the second
        events = [Webhook(made["secret"]).verify(r.body, dict(r.headers)) for r in sink.receipts]
        assert [event["type"] for event in events] == ["endpoint.test", "job.cancelled"]
    finally:
        ada.delete(path)


def test_a_failing_receiver_is_seen_in_the_ledger_and_recovered(
    post: Gateway, ada: httpx.Client, sink: Sink
) -> None:
    # Given a receiver that was out of order
    sink.behave = lambda _: Reply(500, body=b"out of order")
    made = ada.post("/webhooks/endpoints", json={"url": sink.url}).json()
    try:
        job_id = complete(post, ada)
        failed = delivered(ada, job=job_id)
        assert failed["status"] == "failed"
        assert [one["answer"] for one in failed["attempts"]] == ["out of order"] * 3
        # When it is well again, and what it missed is recovered
        sink.behave = lambda _: OK
        post.redis.delete(f"lane:{made['id']}")
        path = f"/webhooks/endpoints/{made['id']}/recover"
        recovered = ada.post(path, params={"since": failed["created_at"]}).json()
        # Then it gets the same event
        assert recovered == {"recovered": 1}
        again = delivered(ada, job=job_id)
        assert (again["status"], again["attempt_count"]) == ("succeeded", 4)
        assert len({r.message_id for r in sink.receipts}) == 1
    finally:
        ada.delete(f"/webhooks/endpoints/{made['id']}")


def test_a_client_of_openai_hears_of_its_response_and_unwraps_it(
    post: Gateway, ada: httpx.Client, sink: Sink
) -> None:
    # Given a background response that was asked for with the stock client, and a URL
    client = OpenAI(
        base_url=f"{post.stack.base_url}/v1",
        api_key=ada.headers["Authorization"].removeprefix("Bearer "),
        webhook_secret=ada.get("/webhooks/secret").json()["secret"],
    )
    response = client.responses.create(
        model=client.models.list().data[0].id,
        input="hello",
        background=True,
        extra_body={"webhook_url": sink.url},
    )
    # When it ends
    post.complete(response.id, [1])
    came = receipt(sink)
    # Then the client's own library believes the event and says of what it is
    event = client.webhooks.unwrap(came.body, dict(came.headers))
    assert event.type == "response.completed"
    assert event.data.id == response.id
