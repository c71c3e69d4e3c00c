"""Workers killed, paused and stopped in the middle of jobs: nothing is lost or doubled.

Real processes on a real server. The echo engine speaks slowly, so that a job can be met
half-way; what it must say is known beforehand.
"""

import signal
import time

import pytest

from common.job import JobStatus
from common.queues import Priority
from common.sampling import Sampling
from tests.support.desk import Desk
from tests.support.echoes import PROMPT, echo, ended, submit, wait_for_tokens
from tests.support.stack import Stack
from tests.support.waiting import wait_until

LEASE_SECONDS = 15
#: Of a worker that a test lets lose its lease, and an outage that is longer.
SHORT_LEASE, OUTAGE_SECONDS = {"LEASE_SECONDS": "5", "BEAT_SECONDS": "1"}, 8


@pytest.fixture
def settings() -> dict[str, str]:
    """20 tokens a second, two seconds to drain."""
    return {"ECHO_TOKENS_PER_SECOND": "20", "DRAIN_SECONDS": "2"}


def test_a_killed_workers_job_goes_on_where_it_stopped(stack: Stack, desk: Desk) -> None:
    # Given a worker that is killed in the middle of a job
    worker = stack.start_worker()
    job_id = submit(desk)
    wait_for_tokens(desk, job_id, 10)
    worker.kill()
    # When another starts
    stack.start_worker("second")
    # Then the job is rescued and completed, each token made once, in one stream
    job = ended(desk, job_id)
    assert (job.status, job.text, job.tokens) == (JobStatus.COMPLETED, echo(60), 60)
    assert (job.attempts, job.failures, job.rescues) == (2, 0, 1)
    assert sum(int(n) for n in job.lengths.split(",")) == 60


def test_a_worker_known_to_be_dead_is_not_waited_for(stack: Stack, desk: Desk) -> None:
    # Given a worker that is killed in the middle of a job
    worker = stack.start_worker()
    job_id = submit(desk)
    wait_for_tokens(desk, job_id, 10)
    worker.kill()
    # Then maintenance, on the same host, gives the job back long before its lease ends
    wait_until(
        lambda: desk.read(job_id).status is JobStatus.QUEUED, LEASE_SECONDS / 2, "the rescue"
    )


def test_a_paused_worker_writes_nothing_after_its_lease_has_run_out(
    stack: Stack, desk: Desk
) -> None:
    # Given a worker that stands still for longer than its lease
    paused = stack.start_worker(**SHORT_LEASE)
    job_id = submit(desk, tokens=100)
    wait_for_tokens(desk, job_id, 10)
    paused.send(signal.SIGSTOP)
    # When its job was given to another, and it wakes up
    stack.start_worker("second")
    wait_until(lambda: desk.read(job_id).attempts == 2, what="the second attempt")
    paused.send(signal.SIGCONT)
    # Then the answer is one worker's work after the other's, with nothing twice
    job = ended(desk, job_id)
    assert (job.status, job.text, job.tokens) == (JobStatus.COMPLETED, echo(100), 100)


def test_sigterm_gives_back_what_does_not_finish_in_time(stack: Stack, desk: Desk) -> None:
    # Given a worker with a long job and a short one
    worker = stack.start_worker()
    long, short = submit(desk, tokens=200), submit(desk, tokens=15)
    for job_id in (long, short):
        wait_for_tokens(desk, job_id, 2)
    # When it is told to stop
    status = worker.stop()
    # Then it leaves in peace: one job is done, the other waits without blame
    assert status == 0
    assert desk.read(short).status is JobStatus.COMPLETED
    waiting = desk.read(long)
    assert waiting.status is JobStatus.QUEUED
    assert (waiting.kills, waiting.failures) == (0, 0)
    # And the next worker goes on with it at once
    stack.start_worker("second")
    job = ended(desk, long)
    assert (job.text, job.tokens) == (echo(200), 200)


def test_sigquit_gives_everything_back_at_once(stack: Stack, desk: Desk) -> None:
    # Given a worker with a long job, and minutes to drain
    worker = stack.start_worker(DRAIN_SECONDS="300")
    job_id = submit(desk, tokens=2000)
    wait_for_tokens(desk, job_id, 2)
    # When somebody is in a hurry
    worker.send(signal.SIGQUIT)
    wait_until(lambda: worker.returncode is not None, what="the worker's exit")
    # Then it does not drain, and the job waits without blame
    job = desk.read(job_id)
    assert (job.status, job.kills, job.failures) == (JobStatus.QUEUED, 0, 0)


def test_a_cancelled_job_frees_its_slot_for_the_next(stack: Stack, desk: Desk) -> None:
    # Given three slots full of long jobs, and one that waits
    stack.start_worker()
    running = [submit(desk, tokens=2000) for _ in range(3)]
    waiting = submit(desk, tokens=10)
    for job_id in running:
        wait_for_tokens(desk, job_id, 1)
    # When one of them is cancelled
    assert desk.scripts("cancel", running[0], "ada", "n") == ["ok"]
    # Then the next gets its slot, and no token comes after the end
    tokens = desk.read(running[0]).tokens
    assert ended(desk, waiting).status is JobStatus.COMPLETED
    cancelled = desk.read(running[0])
    assert (cancelled.status, cancelled.tokens) == (JobStatus.CANCELLED, tokens)
    assert cancelled.text == echo(tokens)


def test_an_urgent_job_takes_the_slot_of_the_youngest_low_one(stack: Stack, desk: Desk) -> None:
    # Given three slots full of low jobs
    stack.start_worker()
    low = [submit(desk, tokens=240, priority=Priority.LOW) for _ in range(3)]
    for job_id in low:
        wait_for_tokens(desk, job_id, 5)
    # When an urgent one comes
    urgent = submit(desk, tokens=5, priority=Priority.URGENT)
    # Then it is done before any of them, and they lose nothing but time
    assert ended(desk, urgent).status is JobStatus.COMPLETED
    assert not any(desk.read(job_id).status.terminal for job_id in low)
    jobs = [ended(desk, job_id) for job_id in low]
    assert [job.text for job in jobs] == [echo(240)] * 3
    assert sorted(job.attempts for job in jobs) == [1, 1, 2]
    assert [(job.kills, job.failures) for job in jobs] == [(0, 0)] * 3


def test_an_outage_longer_than_the_lease_loses_no_job(stack: Stack, desk: Desk) -> None:
    # Given a running job, and a server that answers nobody for longer than its lease
    stack.start_worker(**SHORT_LEASE)
    job_id = submit(desk, tokens=300)
    wait_for_tokens(desk, job_id, 5)
    stack.valkey.pause()
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began >= OUTAGE_SECONDS, what="the end of the outage")
    stack.valkey.resume()
    # Then the same attempt delivers what it made meanwhile
    job = ended(desk, job_id, 60)
    assert (job.status, job.text, job.attempts) == (JobStatus.COMPLETED, echo(300), 1)


def test_a_server_killed_and_restarted_keeps_the_job(stack: Stack, desk: Desk) -> None:
    # Given a running job
    stack.start_worker()
    job_id = submit(desk, tokens=200)
    wait_for_tokens(desk, job_id, 5)
    # When the server is killed and comes back
    stack.valkey.kill()
    stack.valkey.start()
    # Then the job completes once, with every token once
    job = ended(desk, job_id, 60)
    assert (job.status, job.text, job.tokens) == (JobStatus.COMPLETED, echo(200), 200)
    worker = stack.processes["worker"]
    assert worker.returncode is None


def test_a_doorbell_that_was_lost_is_rung_again(stack: Stack, desk: Desk) -> None:
    # Given a job whose bell was lost on its way
    job_id = submit(desk, tokens=5)
    desk.redis.delete("q.normal")
    # When a worker waits for bells
    stack.start_worker()
    # Then maintenance rings again
    assert ended(desk, job_id).status is JobStatus.COMPLETED


def test_a_job_that_outlasts_its_timeout_fails_with_its_text_kept(stack: Stack, desk: Desk) -> None:
    # Given a job that may run for one second and needs ten
    stack.start_worker()
    job_id = desk.submit(prompt=PROMPT, sampling=Sampling(max_tokens=200), timeout_ms=1000)
    # Then it fails, with what it had said
    job = ended(desk, job_id)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert job.error.code == "timeout"
    assert job.text == echo(job.tokens)
    assert job.tokens > 0


def test_a_deadline_expires_a_running_job(stack: Stack, desk: Desk) -> None:
    # Given a worker that is there, and a job whose deadline comes while it runs
    stack.start_worker()
    assert ended(desk, submit(desk, tokens=1)).status is JobStatus.COMPLETED
    job_id = desk.submit(prompt=PROMPT, sampling=Sampling(max_tokens=400), deadline_ms=3000)
    wait_for_tokens(desk, job_id, 1)
    # Then it expires with that reason
    job = ended(desk, job_id)
    assert job.status is JobStatus.EXPIRED
    assert job.error is not None
    assert job.error.code == "deadline"
