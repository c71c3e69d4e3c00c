"""A real webhook worker, a real receiver on this machine."""

import json
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import psutil
import pytest
from openai import OpenAI
from openai.types.webhooks import ResponseCompletedWebhookEvent
from standardwebhooks import Webhook

from common.broker import create_celery
from common.signing import new_secret
from common.vault import Vault
from common.webhooks import DeliveryStatus, EventType
from tests.support.mail import Mail
from tests.support.sink import OK, Reply, Sink
from tests.support.waiting import wait_until
from tests.support.workers import Witness

DONE = EventType.JOB_COMPLETED


@pytest.fixture(scope="module")
def running_mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mail]:
    with Mail.running(tmp_path_factory.mktemp("mail")) as mail:
        mail.start_worker()
        yield mail


@pytest.fixture
def mail(running_mail: Mail) -> Mail:
    """The shared worker, and a receiver that is in its right mind and has got nothing."""
    for key in running_mail.redis.scan_iter("lane*"):
        running_mail.redis.delete(key)
    running_mail.sink.behave = lambda _: OK
    running_mail.sink.arrived.clear()
    running_mail.sink.receipts.clear()
    return running_mail


def test_what_arrives_is_verified_by_the_libraries_of_receivers(mail: Mail) -> None:
    delivery = mail.ended(mail.tell(include_result=True))

    (receipt,) = mail.sink.receipts
    event = Webhook(mail.secret()).verify(receipt.body, dict(receipt.headers))
    assert (event["type"], event["data"]["id"]) == ("job.completed", delivery.subject)
    assert event["data"]["result"]["text"] == "bcd"
    assert receipt.message_id == delivery.event_id
    assert [part[:3] for part in receipt.headers["webhook-signature"].split()] == ["v1,", "v1a"]


def test_the_openai_library_unwraps_the_end_of_a_response(mail: Mail) -> None:
    job_id = mail.office.submit(url=mail.sink.url, api="responses")
    mail.office.complete(job_id)
    mail.ended(mail.office.of(job_id)[0])

    (receipt,) = mail.sink.receipts
    client = OpenAI(api_key="none", webhook_secret=mail.secret())
    event = client.webhooks.unwrap(receipt.body, dict(receipt.headers))
    assert isinstance(event, ResponseCompletedWebhookEvent)
    assert event.data.id == job_id


def test_a_registered_endpoint_has_a_secret_of_its_own_and_two_while_it_is_replaced(
    mail: Mail,
) -> None:
    # Given an endpoint whose secret was replaced
    old, new = new_secret(), new_secret()
    vault = mail.vault()
    mail.office.add_endpoint("we_own", "eve", url=mail.sink.url, secret=vault.seal(old))
    mail.office.scripts("hook_rotate", "endpoint:we_own", "eve", vault.seal(new), 60_000)
    # When something is sent to it
    mail.office.scripts("hook_send", "whd_rotated", "we_own", "eve", EventType.ENDPOINT_TEST, "{}")
    wait_until(lambda: mail.sink.receipts, what="a receipt")
    # Then both verify
    (receipt,) = mail.sink.receipts
    for secret in (old, new):
        assert (
            Webhook(secret).verify(receipt.body, dict(receipt.headers))["type"] == "endpoint.test"
        )


def test_a_secret_that_cannot_be_read_signs_nothing(mail: Mail) -> None:
    # Given an endpoint whose secret was sealed with another key
    sealed = Vault.open("another key").seal(new_secret())
    mail.office.add_endpoint("we_sealed", "joe", url=mail.sink.url, secret=sealed)
    # When something is to be sent to it
    mail.office.scripts("hook_send", "whd_sealed", "we_sealed", "joe", "endpoint.test", "{}")
    delivery = mail.ended(mail.office.read("whd_sealed"))
    # Then nothing is sent, and the ledger says why
    assert mail.sink.arrived == []
    assert "sealed with another WEBHOOK_KEY" in delivery.error


def test_an_attempt_that_fails_is_made_again_under_the_same_id(mail: Mail) -> None:
    # Given a receiver that fails twice
    replies = iter([Reply(500, body=b"out of order"), Reply(302, (("location", "/else"),)), OK])
    mail.sink.behave = lambda _: next(replies)
    # When it is told of something
    delivery = mail.ended(mail.tell())
    # Then the third attempt succeeds, nothing was sent elsewhere
    assert delivery.status is DeliveryStatus.SUCCEEDED
    assert [receipt.path for receipt in mail.sink.receipts] == ["/hook"] * 3
    assert len({receipt.message_id for receipt in mail.sink.receipts}) == 1
    assert len({receipt.body for receipt in mail.sink.receipts}) == 1
    # And the ledger shows every attempt
    tries = mail.office.tries(delivery.id)
    assert [(t.number, t.status_code, t.answer) for t in tries] == [
        *((1, 500, "out of order"), (2, 302, ""), (3, 200, ""))
    ]


def test_it_is_given_up_after_the_last_attempt_of_the_schedule(mail: Mail) -> None:
    mail.sink.behave = lambda _: Reply(500)

    delivery = mail.ended(mail.tell())

    assert delivery.status is DeliveryStatus.FAILED
    assert delivery.error == "It answered 500. That was attempt 3, the last."
    assert len(mail.sink.receipts) == 3


def test_410_is_asked_no_more(mail: Mail) -> None:
    mail.sink.behave = lambda _: Reply(410)

    assert mail.ended(mail.tell()).status is DeliveryStatus.FAILED
    assert len(mail.sink.receipts) == 1


def test_a_receiver_that_asks_for_time_gets_it(mail: Mail) -> None:
    replies = iter([Reply(503, (("retry-after", "1"),)), OK])
    mail.sink.behave = lambda _: next(replies)

    mail.ended(mail.tell())

    first, second = mail.sink.receipts
    assert second.began - first.ended >= 0.95


def test_a_receiver_that_hangs_is_given_its_time_and_no_more(mail: Mail) -> None:
    replies = iter([Reply(after_seconds=30), OK])
    mail.sink.behave = lambda _: next(replies)

    delivery = mail.ended(mail.tell())

    hung, answered = mail.office.tries(delivery.id)
    assert "2 seconds" in hung.error
    assert 1900 < hung.duration_ms < 10_000
    assert answered.status_code == 200


def test_a_receiver_that_hangs_delays_nobody_else(mail: Mail) -> None:
    # Given many deliveries to a receiver that hangs
    dead = Sink(lambda _: Reply(after_seconds=30))
    dead.start()
    try:
        for _ in range(40):
            mail.tell(url=dead.url)
        wait_until(lambda: dead.arrived, what="a request that hangs")
        # When another one is told of something
        other = mail.ended(mail.tell())
        # Then it is sent while most of the others have not been tried once
        assert other.status is DeliveryStatus.SUCCEEDED
        assert len({receipt.message_id for receipt in list(dead.arrived)}) < 20
    finally:
        dead.stop()
        mail.redis.delete("hooks", "lanes")


def test_half_of_the_deliveries_arrive_within_50_ms(mail: Mail) -> None:
    # A busy machine disturbs some rounds; what is slow by itself is so in all of them
    wait_until(lambda: statistics.median(delays(mail, 20)) < 0.05, what="a round within 50 ms")


def delays(mail: Mail, count: int) -> list[float]:
    """Seconds from the end of a job to the beginning of its delivery, so many times."""
    found: list[float] = []
    mail.sink.arrived.clear()
    while len(found) < count:
        began = time.time()
        mail.tell()
        wait_until(lambda: len(mail.sink.arrived) > len(found), what="a receipt")
        found.append(mail.sink.arrived[-1].began - began)
    return found


def test_flower_sees_what_is_sent_and_how_it_ends(mail: Mail) -> None:
    # Given somebody who listens to Celery's events, and a receiver that fails once
    replies = iter([Reply(500), OK])
    mail.sink.behave = lambda _: next(replies)
    with celery_events(mail.stack.valkey.url) as events:
        wait_until(lambda: "worker-heartbeat" in [event["type"] for event in list(events)])
        # When a delivery succeeds at its second attempt
        delivery = mail.ended(mail.tell())

        def seen_of_it() -> list[dict[str, Any]]:
            return [event for event in list(events) if event.get("uuid") == delivery.id]

        wait_until(lambda: "task-succeeded" in [event["type"] for event in seen_of_it()])
    # Then its task was retried, and succeeded, and says what it was about
    seen = seen_of_it()
    assert [event["type"] for event in seen] == [
        *("task-received", "task-started", "task-retried"),
        *("task-received", "task-started", "task-succeeded"),
    ]
    assert seen[0]["name"] == "deliver"
    assert seen[0]["args"].startswith(f"('job.completed', '{delivery.subject}', 'ada@127.0.0.1")
    assert "It answered 500." in seen[2]["exception"]


@contextmanager
def celery_events(redis_url: str) -> Iterator[list[dict[str, Any]]]:
    """What Flower hears."""
    heard: list[dict[str, Any]] = []
    with create_celery(redis_url).connection_for_read() as connection:
        app = create_celery(redis_url)
        receiver = app.events.Receiver(connection, handlers={"*": heard.append})
        listener = Thread(target=receiver.capture, kwargs={"limit": None, "timeout": None})
        listener.start()
        try:
            yield heard
        finally:
            receiver.should_stop = True
            listener.join()


def test_the_worker_is_light_and_says_what_it_does(mail: Mail) -> None:
    mail.ended(mail.tell())
    process = mail.stack.processes["webhooks"]
    witness = Witness(mail.redis)

    assert psutil.Process(process.pid).memory_info().rss < 100_000_000
    assert witness.about(process)["kind"] == "webhooks"
    sample = 'llama_webhook_attempts_total{event="job.completed",outcome="succeeded"}'
    wait_until(lambda: witness.metric(process, sample) >= 1)
    wait_until(lambda: witness.metric(process, "llama_webhook_delay_seconds_count") >= 1)


def test_a_body_fits_in_what_receivers_accept(mail: Mail) -> None:
    mail.ended(mail.tell(include_result=True))

    (receipt,) = mail.sink.receipts
    assert len(receipt.body) < 20_000
    assert receipt.headers["content-type"] == "application/json"
    assert json.loads(receipt.body)
