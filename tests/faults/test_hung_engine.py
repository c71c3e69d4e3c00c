"""A step that never returns: the worker notices, leaves, and its job goes on elsewhere."""

from pathlib import Path

import pytest

from common.job import JobStatus
from tests.support.desk import Desk
from tests.support.echoes import echo, ended, submit, wait_for_tokens
from tests.support.stack import Stack
from tests.support.waiting import wait_until
from worker.keeper import STALLED
from worker.settings import WorkerSettings

#: The issue's promise.
NOTICED_WITHIN_SECONDS = 30
#: A bell that nobody answers is rung again after so long.
BELL_SECONDS = 5


@pytest.fixture
def settings() -> dict[str, str]:
    """A step may take a second."""
    return {"ECHO_TOKENS_PER_SECOND": "40", "STALL_SECONDS": "1", "BEAT_SECONDS": "0.25"}


def test_a_worker_whose_engine_hangs_leaves_and_its_job_goes_on(
    stack: Stack, desk: Desk, tmp_path: Path
) -> None:
    # Given a worker with a job half-way
    hang = tmp_path / "hang"
    worker = stack.start_worker(ECHO_HANG_FILE=str(hang))
    job_id = submit(desk, 60)
    wait_for_tokens(desk, job_id, 10)
    # When a step does not return
    hang.touch()
    # Then the process ends by itself, and its job waits for another without being suspected
    assert worker.wait(NOTICED_WITHIN_SECONDS) == STALLED
    waiting = desk.read(job_id)
    assert (waiting.status, waiting.kills) == (JobStatus.QUEUED, 0)
    # And its bell did not go down with the process
    wait_until(lambda: desk.redis.llen("q.normal") == 1, BELL_SECONDS - 1)
    # And another goes on where it stood
    stack.start_worker("second")
    job = ended(desk, job_id)
    assert (job.status, job.text, job.attempts) == (JobStatus.COMPLETED, echo(60), 2)
    assert (job.failures, job.rescues) == (0, 1)


def test_by_default_a_hung_engine_is_noticed_in_time() -> None:
    settings = WorkerSettings()
    assert settings.stall_seconds + settings.beat_seconds <= NOTICED_WITHIN_SECONDS
