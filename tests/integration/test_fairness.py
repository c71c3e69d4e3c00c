"""Two users and one real worker: nobody waits behind another's pile."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from common.job import JobStatus
from tests.support.gateway import Gateway
from tests.support.stack import finished
from tests.support.waiting import wait_until

NOISY_JOBS = 100
#: A pace at which a job of ten tokens takes a quarter of a second.
SETTINGS = {"ECHO_TOKENS_PER_SECOND": "40", "MAX_QUEUE_SIZE": "1000", "MAX_JOBS_PER_USER": "1000"}


@pytest.fixture(scope="module", params=["true", "false"], ids=["preemption", "no preemption"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    directory: Path = tmp_path_factory.mktemp("fairness")
    with Gateway.running(directory, **SETTINGS, PREEMPTION=request.param) as gateway:
        gateway.stack.start_maintenance()
        gateway.stack.start_worker()
        gateway.stack.wait_until_ready()
        yield gateway


def submit(client: httpx.Client, tokens: int) -> Any:
    return client.post("/generate", json={"prompt": "one two ", "max_tokens": tokens}).json()


def started(gateway: Gateway, jobs: list[Any]) -> list[str]:
    """Those of the jobs that have started, in the order in which they did."""
    records = [gateway.desk.read(job["id"]) for job in jobs]
    records = [record for record in records if record.started_ms]
    return [record.id for record in sorted(records, key=lambda record: record.started_ms)]


def test_a_quiet_users_job_starts_long_before_the_noisy_ones_that_came_earlier(
    service: Gateway,
) -> None:
    # Given a user with a hundred jobs, three of which run
    with service.client("noisy") as noisy, service.client("quiet") as quiet:
        pile = [submit(noisy, 10) for _ in range(NOISY_JOBS)]
        wait_until(lambda: service.redis.zcard("leases") == 3, what="busy slots")
        # When another asks for one thing
        job = submit(quiet, 10)
        # Then they are told that they are next, and so they are
        assert job["status"] != "queued" or job["queue"]["position"] <= 2
        assert finished(quiet, job)["status"] == JobStatus.COMPLETED
        order = started(service, [*pile, job])
        asked = service.desk.read(job["id"]).created_ms
        passed = [
            one
            for one in order[: order.index(job["id"])]
            if service.desk.read(one).started_ms > asked
        ]
        assert len(passed) <= 4
        for one in pile:
            noisy.delete(one["urls"]["self"])


def test_two_busy_users_get_as_many_tokens_though_ones_jobs_are_four_times_as_long(
    service: Gateway,
) -> None:
    # Given two users whose jobs outlast the test
    with service.client("long") as long, service.client("short") as short:
        piles = {"long": [submit(long, 40) for _ in range(40)]}
        piles["short"] = [submit(short, 10) for _ in range(160)]
        # When they have been served for a while
        until = time.monotonic() + 8

        def tokens(user: str) -> int:
            records = [service.desk.read(job["id"]) for job in piles[user]]
            return sum(job.prompt_tokens + job.tokens for job in records if job.started_ms)

        wait_until(lambda: time.monotonic() > until, 10)
        share = tokens("long") / (tokens("long") + tokens("short"))
        # Then each has had about half
        assert share == pytest.approx(0.5, abs=0.15)
        for job in piles["long"]:
            long.delete(job["urls"]["self"])
        for job in piles["short"]:
            short.delete(job["urls"]["self"])
