from dataclasses import replace

from common.job import Job, JobKind, JobStatus, Work
from common.prompt import Prompt
from common.queues import Priority
from common.sampling import Sampling
from worker.engines.base import Token
from worker.lease import Claim, Lease

JOB = Job(
    id="job_1",
    user="ada",
    kind=JobKind.GENERATE,
    priority=Priority.NORMAL,
    status=JobStatus.IN_PROGRESS,
    work=Work(Prompt(text="hi"), Sampling()),
    created_ms=1,
    enqueued_ms=1,
)
CLAIM = Claim(JOB, "token", (), seconds_left=60, late_is_expired=False)


def token(number: int, text: str = "x") -> Token:
    return Token(number, -0.5, text)


def test_a_new_lease_has_nothing_to_send() -> None:
    lease = Lease(CLAIM)
    assert lease.unsent() is None
    assert lease.tail()[:2] == (0, 0)


def test_unsent_tokens_make_one_chunk_until_they_are_acknowledged() -> None:
    # Given three tokens, one of which releases no text
    lease = Lease(CLAIM)
    lease.add([token(7, "He"), token(8, "")])
    lease.add([token(9, "y")])
    # Then they are one chunk, however often it is asked for
    chunk = lease.unsent()
    assert chunk is not None
    assert chunk[:6] == (0, 3, "Hey", "7,8,9", "2,0,1", "-1.5")
    assert lease.unsent() == chunk
    # When two of them are stored
    lease.acknowledge(2)
    # Then the third remains
    rest = lease.unsent()
    assert rest is not None
    assert rest[:4] == (2, 1, "y", "9")
    lease.acknowledge(3)
    assert lease.unsent() is None


def test_a_resumed_lease_counts_on_from_the_tokens_of_its_predecessors() -> None:
    lease = Lease(replace(CLAIM, resumed_ids=(1, 2, 3)))
    lease.add([token(4)])
    chunk = lease.unsent()
    assert chunk is not None
    assert chunk[:2] == (3, 1)


def test_a_record_that_was_rolled_back_loses_the_lease() -> None:
    # Given a lease that began after three tokens
    lease = Lease(replace(CLAIM, resumed_ids=(1, 2, 3)))
    # When the server, back from a crash, holds only two
    lease.acknowledge(2)
    # Then this attempt stops: it cannot fill the gap
    assert lease.lost
    assert lease.cancelled.is_set()


def test_giving_back_stops_the_engine_but_loses_nothing() -> None:
    lease = Lease(CLAIM)
    lease.give_back()
    assert lease.cancelled.is_set()
    assert lease.released
    assert not lease.lost
