"""Who was known to wait for a job hears of its end with all that a read would say."""

from typing import Any

import pytest
from redis import Redis
from redis.client import PubSub

from api.views import Snapshot
from common.events import StateChange, parse_message
from common.job import JobStatus, pairs
from common.keys import EVENTS_CHANNEL
from tests.support.desk import Desk
from tests.support.waiting import wait_until

AWAITED = {"awaited": "1"}


@pytest.fixture
def desk(redis_client: Redis) -> Desk:
    desk = Desk(redis_client)
    desk.rescue()  # leaves a fresh tick: leases are trusted
    return desk


def told_end(channel: PubSub) -> StateChange:
    """The last change of state of the only job."""

    def look() -> StateChange | None:
        message = channel.get_message(timeout=1)
        events = parse_message(message["data"]) if message else []
        ends = [one for one in events if isinstance(one, StateChange) and one.status.terminal]
        return ends[0] if ends else None

    end = wait_until(look, what="news of the end")
    assert end is not None
    return end


@pytest.mark.parametrize("end", ["finish", "cancel"])
def test_an_awaited_end_is_told_with_the_record(desk: Desk, redis_client: Redis, end: str) -> None:
    with redis_client.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe(EVENTS_CHANNEL)
        # Given a job that somebody waits for
        job_id = desk.submit(more=AWAITED)
        desk.claim(job_id)
        # When it ends
        if end == "finish":
            desk.finish(job_id, 0, [1, 2])
        else:
            desk.scripts("cancel", job_id, "ada", "nonce")
        # Then the news of it says what a read says, byte for byte
        told = told_end(channel)
        read = desk.scripts("read", job_id)
        assert pairs(told.record) == pairs(read[0])
        assert Snapshot.told(told.record).job == desk.read(job_id)
        assert told.status is (JobStatus.COMPLETED if end == "finish" else JobStatus.CANCELLED)


@pytest.mark.parametrize("changes", [{}, {"more": AWAITED, "prompt": "x" * 20_000}])
def test_an_end_that_nobody_awaits_or_a_long_record_is_told_without_it(
    desk: Desk, redis_client: Redis, changes: dict[str, Any]
) -> None:
    with redis_client.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe(EVENTS_CHANNEL)
        # Given a job that nobody is known to wait for, or one with a long prompt
        job_id = desk.submit(**changes)
        desk.claim(job_id)
        # When it ends
        desk.finish(job_id, 0, [1])
        # Then every gateway hears no more than that it has
        assert told_end(channel).record == ()
