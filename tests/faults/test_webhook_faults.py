"""Webhook workers that are killed, told to leave or cut off, and receivers that are away."""

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from common.webhooks import DeliveryStatus
from tests.support.mail import Mail
from tests.support.sink import OK, Reply
from tests.support.waiting import wait_until


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[Mail]:
    schedule = ",".join(["0", *["0.2"] * 100])
    patient = {"WEBHOOK_RETRY_SCHEDULE": schedule, "WEBHOOK_TIMEOUT_SECONDS": "20"}
    with Mail.running(tmp_path, **patient) as mail:
        yield mail


def test_what_a_killed_worker_was_sending_is_sent_by_another(mail: Mail) -> None:
    # Given a worker in the middle of an attempt, and another one
    mail.sink.behave = lambda _: Reply(after_seconds=30)
    first = mail.start_worker()
    delivery = mail.tell()
    wait_until(lambda: mail.sink.arrived, what="the first attempt")
    mail.stack.start_maintenance()
    mail.start_worker("second")
    mail.sink.behave = lambda _: OK
    # When it is killed
    first.kill()
    # Then the other one sends it under the same id
    assert mail.ended(delivery).status is DeliveryStatus.SUCCEEDED
    assert len({receipt.message_id for receipt in mail.sink.arrived}) == 1
    died, succeeded = mail.office.tries(delivery.id)
    assert (died.error, succeeded.status_code) == ("The worker died while it was sending.", 200)
    # And not before the first attempt was over
    lost, answered = mail.sink.arrived
    hung = next(r for r in mail.sink.receipts if r.began == lost.began)
    assert hung.ended <= answered.began


def test_a_worker_that_is_told_to_leave_waits_for_its_answer(mail: Mail) -> None:
    # Given a worker that waits for a slow receiver
    mail.sink.behave = lambda _: Reply(after_seconds=1)
    worker = mail.start_worker()
    delivery = mail.tell()
    wait_until(lambda: mail.sink.arrived, what="the request")
    # When it gets SIGTERM, then it leaves in peace, and nothing is sent twice
    assert worker.stop() == 0
    assert mail.office.read(delivery.id).status is DeliveryStatus.SUCCEEDED
    assert len(mail.sink.arrived) == 1


def test_two_workers_send_each_event_once(mail: Mail) -> None:
    mail.start_worker()
    mail.start_worker("second")

    deliveries = [mail.tell() for _ in range(60)]
    for delivery in deliveries:
        assert mail.ended(delivery).attempts == 1

    counts = Counter(receipt.message_id for receipt in mail.sink.arrived)
    assert counts == {delivery.event_id: 1 for delivery in deliveries}


def test_a_receiver_that_is_away_gets_it_when_it_is_back(mail: Mail) -> None:
    # Given a receiver that is away
    mail.sink.stop()
    mail.start_worker()
    delivery = mail.tell()
    wait_until(lambda: len(mail.office.tries(delivery.id)) >= 2, what="attempts in vain")
    # When it is back
    mail.sink.start()
    # Then it is told
    assert mail.ended(delivery).status is DeliveryStatus.SUCCEEDED
    first = mail.office.tries(delivery.id)[0]
    assert (first.status_code, "no connection" in first.error) == (None, True)


def test_an_answer_outlives_an_outage_of_the_store(mail: Mail) -> None:
    # Given a receiver that answers while the store is away
    answering = Event()

    def behave(_: object) -> Reply:
        answering.wait(60)
        return OK

    mail.sink.behave = behave
    worker = mail.start_worker()
    delivery = mail.tell()
    wait_until(lambda: mail.sink.arrived, what="the request")
    mail.stack.valkey.kill()
    answering.set()
    wait_until(lambda: mail.sink.receipts, what="the answer")
    # When the store is back
    mail.stack.valkey.start()
    # Then the attempt is written down, and not made again
    assert mail.ended(delivery).status is DeliveryStatus.SUCCEEDED
    assert len(mail.sink.arrived) == 1
    assert worker.returncode is None


def test_a_worker_that_stood_still_is_not_heard_afterwards(mail: Mail) -> None:
    # Given a worker that is stopped in the middle of an attempt, for longer than its lease
    replies = iter([Reply(after_seconds=3), OK])
    mail.sink.behave = lambda _: next(replies)
    worker = mail.start_worker()
    delivery = mail.tell()
    wait_until(lambda: mail.sink.arrived, what="the first attempt")
    worker.send(signal.SIGSTOP)
    mail.office.let_time_pass(delivery.id)
    mail.start_worker("second")
    # When another one has sent it
    mail.ended(delivery)
    worker.send(signal.SIGCONT)
    # Then what the first one says is refused
    log = worker.log
    wait_until(lambda: "somebody else has this delivery" in log.read_text(), what="the refusal")
    assert [t.status_code for t in mail.office.tries(delivery.id)] == [None, 200]
