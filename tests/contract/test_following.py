"""Tokens are told to those who follow a job, as they are made; nobody else is told."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from redis import Redis
from redis.client import PubSub

from common.events import parse_message
from common.keys import EVENTS_CHANNEL
from common.scripts import Scripts
from tests.support.desk import Desk
from tests.support.waiting import wait_until
from worker.engines.base import Token
from worker.lease import Lease
from worker.ledger import Ledger
from worker.writer import Writer


@pytest.fixture
def desk(redis_client: Redis) -> Desk:
    desk = Desk(redis_client)
    desk.rescue()  # leaves a fresh tick: leases are trusted
    return desk


@pytest.fixture
def channel(redis_client: Redis) -> Iterator[PubSub]:
    with redis_client.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe(EVENTS_CHANNEL)
        channel.get_message(timeout=1)
        yield channel


def chunks(channel: PubSub) -> list[str]:
    """The texts told so far."""
    texts = []
    while (message := channel.get_message(timeout=0.01)) is not None:
        event: dict[str, Any] = json.loads(message["data"])
        texts += [event["text"]] if "text" in event else []
    return texts


def test_who_follows_a_job_is_told_what_is_stored_from_then_on(desk: Desk, channel: PubSub) -> None:
    # Given a job with a token that was stored while nobody followed
    job_id = desk.submit()
    desk.claim(job_id)
    assert desk.append(job_id, 0, [1]) == ["ok", 1]
    assert chunks(channel) == []
    # When somebody does
    assert desk.scripts("follow", job_id) == ["ok"]
    # Then the next ones are told, the last ones too, and the worker hears that they are read
    assert desk.append(job_id, 1, [2]) == ["ok", 2, "followed"]
    desk.finish(job_id, 2, [3])
    assert chunks(channel) == ["c", "d"]


def test_a_job_that_has_ended_cannot_be_followed(desk: Desk) -> None:
    # Given a job that was followed to its end
    job_id = desk.submit()
    desk.scripts("follow", job_id)
    desk.claim(job_id)
    desk.finish(job_id, 0, [1])
    # Then its record does not say so any more, and cannot be made to
    assert desk.scripts("follow", job_id) == ["ended"]
    assert desk.scripts("follow", "job_unknown") == ["ended"]
    assert desk.redis.hget(f"job:{job_id}", "followed") is None


def test_a_job_that_waits_can_be_followed_before_it_starts(desk: Desk, channel: PubSub) -> None:
    job_id = desk.submit()
    desk.scripts("follow", job_id)
    assert lease_of(desk, job_id).is_urgent
    assert chunks(channel) == []


def test_tokens_of_followed_jobs_go_at_once_and_all_slots_together(desk: Desk) -> None:
    # Given two jobs of which one is followed, each with its first token stored
    read, unread = desk.submit(), desk.submit()
    desk.scripts("follow", read)
    leases, trips = [lease_of(desk, read), lease_of(desk, unread)], []

    @contextmanager
    def counted() -> Iterator[None]:
        trips.append(1)
        yield

    writer = Writer(Scripts(desk.redis, counted), lambda: leases)
    add(leases)
    writer.flush()
    # Then only that one's tokens cannot wait
    assert [lease.is_urgent for lease in leases] == [True, False]
    # When both make another
    add(leases)
    trips.clear()
    writer.flush()
    # Then both are stored in one round trip
    assert [desk.read(job_id).tokens for job_id in (read, unread)] == [2, 2]
    assert len(trips) == 1


def test_what_all_slots_made_in_a_step_is_told_in_one_message(desk: Desk, channel: PubSub) -> None:
    # Given two jobs that are followed, and between them one that was taken away
    jobs = [desk.submit() for _ in range(3)]
    for job_id in jobs:
        desk.scripts("follow", job_id)
    leases = [lease_of(desk, job_id) for job_id in jobs]
    desk.scripts("cancel", jobs[1], "", "nonce")
    messages(channel)
    # When each makes a token
    add(leases)
    Writer(desk.scripts, lambda: leases).flush()
    # Then the tokens of both are told at once, and the third worker thread hears that it is over
    (message,) = messages(channel)
    assert [event["id"] for event in json.loads(message)] == [jobs[0], jobs[2]]
    assert [event.job_id for event in parse_message(message)] == [jobs[0], jobs[2]]
    assert [lease.lost for lease in leases] == [False, True, False]
    assert [desk.read(job_id).tokens for job_id in jobs] == [1, 0, 1]


def test_a_worker_learns_in_its_next_append_that_a_job_is_followed(desk: Desk) -> None:
    # Given a job that runs unfollowed
    job_id = desk.submit()
    lease = lease_of(desk, job_id)
    writer = Writer(desk.scripts, lambda: [lease])
    add([lease])
    writer.flush()
    # When somebody follows it, and the next tokens are stored
    desk.scripts("follow", job_id)
    add([lease])
    assert not lease.is_urgent
    writer.flush()
    # Then it knows
    assert lease.is_urgent


def test_tokens_that_nobody_follows_are_stored_without_a_call(desk: Desk) -> None:
    # Given a writer that runs, and a job whose first token is stored
    job_id = desk.submit()
    lease = lease_of(desk, job_id)
    writer = Writer(desk.scripts, lambda: [lease])
    writer.start()
    try:
        add([lease])
        writer.wake()
        wait_until(lambda: desk.read(job_id).tokens == 1)
        # When it makes more, and nobody wakes the writer
        add([lease])
        # Then they are stored all the same
        wait_until(lambda: desk.read(job_id).tokens == 2)
    finally:
        writer.stop()


def messages(channel: PubSub) -> list[str]:
    """What was published so far."""
    found = []
    while (message := channel.get_message(timeout=0.01)) is not None:
        found.append(message["data"])
    return found


def lease_of(desk: Desk, job_id: str) -> Lease:
    claim = Ledger(desk.scripts, "worker", 15_000).claim(job_id, alone=True)
    assert not isinstance(claim, str), claim
    return Lease(claim)


def add(leases: list[Lease]) -> None:
    """Each makes a token."""
    for lease in leases:
        lease.add([Token(5, -0.5, "f")])
