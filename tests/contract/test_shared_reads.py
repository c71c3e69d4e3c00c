"""Reads of those who wait: shared, and never older than the question."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from redis import Redis
from redis.exceptions import RedisError

from api.problems import JobNotFound
from api.reads import SharedReads
from api.store import connect
from common.job import JobStatus
from common.keys import job as job_key
from common.scripts import AsyncScripts
from tests.support.desk import Desk
from tests.support.valkey import ValkeyServer

T = TypeVar("T")
CROWD = 500


def with_reads(url: str, use: Callable[[SharedReads], Awaitable[T]]) -> T:
    async def run() -> T:
        redis = connect(url)
        try:
            return await use(SharedReads(AsyncScripts(redis)))
        finally:
            await redis.aclose()

    return asyncio.run(run())


def calls(redis: "Redis") -> int:
    return int(redis.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"])


def test_a_crowd_that_asks_at_once_is_answered_by_one_read(
    redis_url: str, redis_client: Redis
) -> None:
    # Given a job that many wait for
    desk = Desk(redis_client)
    job_id, before = desk.submit(), calls(redis_client)

    # When all of them ask at once
    async def ask(reads: SharedReads) -> set[str]:
        seen = await asyncio.gather(*(reads.read(job_id) for _ in range(CROWD)))
        return {one.by("ada").job.id for one in seen}

    # Then all have the job, and the store was asked once (and once more to load its scripts)
    assert with_reads(redis_url, ask) == {job_id}
    assert calls(redis_client) - before <= 2


def test_who_asks_after_a_change_sees_it(redis_url: str, redis_client: Redis) -> None:
    # Given a job, and a read of it that is on its way
    desk = Desk(redis_client)
    job_id = desk.submit()

    async def ask(reads: SharedReads) -> list[JobStatus]:
        early = asyncio.create_task(reads.read(job_id))
        await asyncio.sleep(0)  # the read has begun
        await asyncio.to_thread(desk.scripts, "cancel", job_id, "ada", "nonce")
        # When somebody asks who knows of a later change
        late = await reads.read(job_id)
        return [(await early).by("ada").job.status, late.by("ada").job.status]

    # Then that one sees it, whatever the other saw
    assert with_reads(redis_url, ask)[1] is JobStatus.CANCELLED


def test_who_gives_up_takes_nobody_along(redis_url: str, redis_client: Redis) -> None:
    job_id = Desk(redis_client).submit()

    async def ask(reads: SharedReads) -> str:
        leaver, stayer = (asyncio.create_task(reads.read(job_id)) for _ in range(2))
        await asyncio.sleep(0)
        leaver.cancel()
        return (await stayer).by("ada").job.id

    assert with_reads(redis_url, ask) == job_id


@pytest.mark.parametrize("status", ["queued", "completed"])
def test_a_foreign_record_is_a_matter_of_who_asked_for_it(
    redis_url: str, redis_client: Redis, status: str
) -> None:
    # Given a good job, and a record that nobody here wrote
    job_id = Desk(redis_client).submit()
    redis_client.hset(job_key("foreign"), mapping={"id": "foreign", "status": status})

    # When both are asked for at once
    async def ask(reads: SharedReads) -> tuple[object, object]:
        return await asyncio.gather(
            reads.read(job_id), reads.read("foreign"), return_exceptions=True
        )

    # Then one is there, and only the other fails
    good, bad = with_reads(redis_url, ask)
    assert isinstance(bad, (KeyError, RedisError))
    assert not isinstance(good, Exception)


def test_an_outage_is_told_to_all_and_is_over_when_it_is_over(own_valkey: ValkeyServer) -> None:
    # Given a job in a store that goes away
    with Redis.from_url(own_valkey.url, decode_responses=True) as redis:
        job_id = Desk(redis).submit()

    async def ask(reads: SharedReads) -> str:
        await reads.read(job_id)
        own_valkey.kill()
        gone = await asyncio.gather(
            *(reads.read(job_id) for _ in range(CROWD)), return_exceptions=True
        )
        assert all(isinstance(one, RedisError) for one in gone)
        # When it is back
        await asyncio.to_thread(own_valkey.start)
        return (await reads.read(job_id)).by("ada").job.id

    # Then it is asked again
    assert with_reads(own_valkey.url, ask) == job_id


def test_a_job_is_its_owners(redis_url: str, redis_client: Redis) -> None:
    job_id = Desk(redis_client).submit()

    seen = with_reads(redis_url, lambda reads: reads.read(job_id))

    assert seen.by("ada").job.id == job_id
    with pytest.raises(JobNotFound):
        seen.by("eve")
