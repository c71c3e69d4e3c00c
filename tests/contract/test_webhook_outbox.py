"""An event's deliveries are written in the step that makes it."""

import json
from typing import Any

import pytest
from redis import Redis

from common.broker import create_celery
from common.queues import WEBHOOK_QUEUE
from common.webhooks import DeliveryStatus, Format
from tests.support.desk import Desk, chunk
from tests.support.post_office import URL, PostOffice
from worker.webhooks.task import TASK_NAME

ALL = ("job.started", "job.completed", "job.failed", "job.cancelled", "job.expired")


@pytest.fixture
def office(redis_client: Redis) -> PostOffice:
    return PostOffice(Desk(redis_client))


def events(office: PostOffice, subject: str) -> list[str]:
    return [delivery.event for delivery in office.of(subject)]


def test_a_completed_job_has_its_delivery_and_its_bell_at_once(office: PostOffice) -> None:
    job_id = office.submit()

    office.complete(job_id)

    (delivery,) = office.of(job_id)
    assert (delivery.event, delivery.url, delivery.status) == ("job.completed", URL, "pending")
    assert (delivery.facts["tokens"], delivery.facts["finish_reason"]) == ("3", "stop")
    assert office.rung() == [delivery.id]


def test_a_user_without_webhooks_has_none(office: PostOffice) -> None:
    job_id = office.desk.submit()

    office.complete(job_id)

    assert office.redis.keys("hook*") == []


@pytest.mark.parametrize("webhook", ["{", "[]", "7", '{"url": null}'])
def test_a_job_ends_even_if_its_webhook_cannot_be_read(office: PostOffice, webhook: str) -> None:
    office.add_endpoint()
    job_id = office.submit(webhook=webhook)

    office.complete(job_id)

    assert office.desk.read(job_id).status == "completed"
    assert [delivery.endpoint for delivery in office.of(job_id)] == ["we_1"]


def test_however_a_job_ends_there_is_one_event(office: PostOffice) -> None:
    # Given jobs that end in every way
    completed, cancelled, failed, expired = (office.submit() for _ in range(4))
    office.complete(completed)
    office.desk.scripts("cancel", cancelled, "", "nonce")
    office.desk.claim(failed)
    office.desk.rescue()
    office.desk.let_lease_run_out(failed)
    office.desk.rescue(kills=1)
    office.redis.zadd("deadlines", {expired: 1})
    office.desk.scripts("expire", 0, 100)
    # When the calls that ended them are repeated
    office.desk.finish(completed, 0, [1, 2, 3])
    office.desk.scripts("cancel", cancelled, "", "nonce")
    office.desk.scripts("expire", 0, 100)
    # Then each has one delivery
    assert events(office, completed) == ["job.completed"]
    assert events(office, cancelled) == ["job.cancelled"]
    assert events(office, failed) == ["job.failed"]
    assert events(office, expired) == ["job.expired"]
    assert len(office.rung()) == 4


def test_a_start_is_told_once_and_only_to_who_asked_for_it(office: PostOffice) -> None:
    asked, silent = office.submit(*ALL), office.submit()
    for job_id in (asked, silent):
        office.desk.claim(job_id)
        office.desk.release(job_id)
        office.desk.claim(job_id, "another")

    assert events(office, asked) == ["job.started"]
    assert events(office, silent) == []


def test_registered_endpoints_get_what_their_filter_names(office: PostOffice) -> None:
    office.add_endpoint("we_all")
    office.add_endpoint("we_failed", events="job.failed job.expired")
    office.add_endpoint("we_off", enabled="0")
    office.add_endpoint("we_foreign", user="bob")
    job_id = office.desk.submit()

    office.complete(job_id)

    assert [delivery.endpoint for delivery in office.of(job_id)] == ["we_all"]


def test_every_receiver_of_an_event_gets_the_same_message_id(office: PostOffice) -> None:
    office.add_endpoint()
    job_id = office.submit()

    office.complete(job_id)

    first, second = office.of(job_id)
    assert first.id != second.id
    assert first.event_id == second.event_id


def test_a_line_of_a_batch_tells_only_its_own_url(office: PostOffice) -> None:
    office.add_endpoint()
    job_id = office.submit(batch="batch_1")

    office.complete(job_id)

    assert [delivery.endpoint for delivery in office.of(job_id)] == [""]


@pytest.mark.parametrize(
    ("reason", "event"), [("stop", "response.completed"), ("length", "response.incomplete")]
)
def test_jobs_of_the_responses_api_tell_of_responses(
    office: PostOffice, reason: str, event: str
) -> None:
    office.add_endpoint(events=f"job.started {event}")
    job_id = office.submit(*ALL, "response.completed", "response.incomplete", api="responses")
    office.desk.claim(job_id)

    fields = ("completed", "finish_reason", reason)
    office.scripts("finish", job_id, "token", *chunk(0, [1]), *fields)

    assert [(d.event, d.format) for d in office.of(job_id)] == [(event, Format.OPENAI)] * 2


def test_a_result_that_was_asked_for_is_in_the_row(office: PostOffice) -> None:
    asked, silent = office.submit(include_result=True), office.submit()
    for job_id in (asked, silent):
        office.complete(job_id)

    assert office.of(asked)[0].facts["text"] == "bcd"
    assert "text" not in office.of(silent)[0].facts


def test_the_doorbell_equals_a_message_from_send_task(
    office: PostOffice, redis_client: Redis, redis_url: str
) -> None:
    # Given the doorbell of the outbox
    job_id = office.submit()
    office.complete(job_id)
    ours = json.loads(str(redis_client.rpop(WEBHOOK_QUEUE)))
    delivery_id, about = ours["headers"]["id"], ours["headers"]["argsrepr"]
    # When Celery itself sends the same
    app = create_celery(redis_url, [WEBHOOK_QUEUE])
    app.send_task(TASK_NAME, task_id=delivery_id, argsrepr=about, ignore_result=True)
    theirs = json.loads(str(redis_client.rpop(WEBHOOK_QUEUE)))
    # Then they are equal but for where they come from
    assert without_uniques(ours) == without_uniques(theirs)
    # And Flower shows what it is about
    assert about == f"('job.completed', '{job_id}', 'ada@example.com')"


def without_uniques(message: dict[str, Any]) -> dict[str, Any]:
    unique = {"delivery_tag", "reply_to", "argsrepr"}
    properties = {k: v for k, v in message["properties"].items() if k not in unique}
    headers = {k: v for k, v in message["headers"].items() if k != "origin"}
    return {**message, "properties": properties, "headers": headers}


def test_the_end_of_a_job_cancels_the_news_of_its_start(office: PostOffice) -> None:
    # Given a start that nobody has been told of
    job_id = office.submit(*ALL)
    office.desk.claim(job_id)
    # When the job ends
    office.desk.finish(job_id, 0, [1])
    # Then only its end is told
    started, completed = sorted(office.of(job_id), key=lambda delivery: delivery.event)[::-1]
    assert (started.status, completed.status) == (DeliveryStatus.CANCELLED, DeliveryStatus.PENDING)
    assert office.claim(started.id) == ["drop", "cancelled"]
    assert office.claim(completed.id)[0] == "claimed"
