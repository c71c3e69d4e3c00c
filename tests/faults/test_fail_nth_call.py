"""A worker's connection breaks, or the worker dies, at the n-th call, for every n.

One job runs as a worker runs it: claimed, written piece by piece, given back half-way,
claimed again, finished. Whatever call fails, it ends once, with every token once.
"""

from typing import Any

import pytest
from redis import ConnectionError as RedisConnectionError
from redis import Redis, RedisError
from redis.client import PubSub

from common.events import Chunk, StateChange, parse_message
from common.job import Job, JobStatus
from common.keys import EVENTS_CHANNEL
from common.sampling import FinishReason, Sampling
from common.scripts import Scripts
from tests.support.desk import LEASE_MS, Desk
from tests.support.faulty import Fault, FaultyRedis, Killed
from worker import ledger as ledger_module
from worker.engines.base import Completion, Token
from worker.lease import Lease
from worker.ledger import Ledger
from worker.writer import Writer

TEXT = "The quick brown fox jumps over the lazy dog."
#: Tokens in a chunk, and after how many the first attempt gives the job back.
CHUNK, GIVEN_BACK_AFTER = 10, 20
MOST_CALLS = 200
ENDED = Completion(TEXT, (), FinishReason.LENGTH, len(TEXT), 0.0, 0.1, 0.1)


class Worker:
    """The worker's own claim, lease, writer and ledger, on a connection that breaks.

    It knows the scripts that the desk has sent, or is yet to send them itself.
    """

    def __init__(self, redis: Redis, desk: Desk, *, fresh: bool) -> None:
        self._scripts = Scripts(redis)
        if not fresh:
            self._scripts._shas = desk.scripts._shas
        self._ledger = Ledger(self._scripts, "worker", LEASE_MS)

    def attempt(self, job_id: str) -> None:
        """Run one attempt; the job's first half is given back. Raises RedisError from claim."""
        claim = self._ledger.claim(job_id, alone=True)
        if isinstance(claim, str):
            return
        lease = Lease(claim)
        writer = Writer(self._scripts, lambda: [lease])
        made = len(claim.resumed_ids)
        end = GIVEN_BACK_AFTER if made < GIVEN_BACK_AFTER else len(TEXT)
        for start in range(made, end, CHUNK):
            lease.add([token(n) for n in range(start, min(start + CHUNK, end))])
            flush(writer)
        if end == len(TEXT):
            self._ledger.complete(lease, ENDED, {})
        else:
            self._ledger.release(lease)


def token(position: int) -> Token:
    return Token(ord(TEXT[position]), -0.5, TEXT[position])


def flush(writer: Writer) -> None:
    """One turn of the writer's thread: what could not be sent waits."""
    try:
        writer.flush()
    except RedisError:
        return


def maintain(desk: Desk, job_id: str) -> None:
    """What happens while nobody holds the job: its lease runs out, and it is rescued."""
    if desk.redis.zscore("leases", job_id) is not None:
        desk.let_lease_run_out(job_id)
    desk.rescue()


def run_with(
    fault: Fault, redis: FaultyRedis, desk: Desk, *, fresh: bool = False
) -> tuple[Job, list[Any]]:
    """Run a job to its end; return it, and what its readers heard."""
    desk.redis.flushall()
    desk.rescue()
    job_id = desk.submit(sampling=Sampling(max_tokens=len(TEXT)))
    desk.scripts("follow", job_id)
    with desk.redis.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe(EVENTS_CHANNEL)
        channel.get_message(timeout=1)
        redis.fault = fault
        while not desk.read(job_id).status.terminal:
            try:
                Worker(redis, desk, fresh=fresh).attempt(job_id)
            except (Killed, RedisError):
                redis.connection_pool.disconnect()
            if not desk.read(job_id).status.terminal:
                maintain(desk, job_id)
        return desk.read(job_id), heard(channel)


def heard(channel: PubSub) -> list[Any]:
    events = []
    while (message := channel.get_message(timeout=0.01)) is not None:
        events += parse_message(message["data"])
    return events


@pytest.mark.parametrize("after", [False, True], ids=["before the server", "after the server"])
@pytest.mark.parametrize("error", [RedisConnectionError, Killed], ids=["broken", "killed"])
def test_whichever_call_fails_the_job_ends_once_with_every_token_once(
    redis_client: Redis,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
    after: bool,
) -> None:
    # Given a client without retries, whose n-th call fails
    monkeypatch.setattr(ledger_module, "_RETRY_SECONDS", 0)
    desk = Desk(redis_client)
    with FaultyRedis.from_url(redis_url, decode_responses=True, retry=None) as redis:
        for n in range(1, MOST_CALLS):
            fault = Fault(n, error, after=after)
            # When the job is run until it has ended
            job, events = run_with(fault, redis, desk)
            # Then it has ended once, with every token once
            check(job, events, n)
            if not fault.happened:
                break
    # And every call of the run was failed once
    assert not fault.happened
    assert n > len(TEXT) // CHUNK


@pytest.mark.parametrize("after", [False, True], ids=["before the server", "after the server"])
@pytest.mark.parametrize("n", [1, 2, 20])
def test_a_worker_that_cannot_send_its_scripts_costs_the_job_nothing(
    redis_client: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch, n: int, after: bool
) -> None:
    # Given a worker that has sent no script yet, whose connection breaks while it does
    monkeypatch.setattr(ledger_module, "_RETRY_SECONDS", 0)
    fault = Fault(n, RedisConnectionError, after=after)
    with FaultyRedis.from_url(redis_url, decode_responses=True, retry=None) as redis:
        # When a job is run until it has ended, then it has ended once, with every token once
        check(*run_with(fault, redis, Desk(redis_client), fresh=True), n)
    assert fault.happened


def check(job: Job, events: list[Any], n: int) -> None:
    """The record is whole, and its readers heard each token once, and one end."""
    assert (job.status, job.text, job.tokens) == (JobStatus.COMPLETED, TEXT, len(TEXT)), n
    assert job.lengths == ",".join("1" * len(TEXT)), n
    chunks = [event for event in events if isinstance(event, Chunk)]
    assert "".join(chunk.text for chunk in chunks) == TEXT, n
    ends = [e for e in events if isinstance(e, StateChange) and e.status.terminal]
    assert [end.status for end in ends] == [JobStatus.COMPLETED], n
