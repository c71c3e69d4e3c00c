"""How long a slot is lost on a job that nobody wants any more is measured."""

import pytest

from common.job import JobStatus
from tests.support.desk import Desk
from tests.support.echoes import submit, wait_for_tokens
from tests.support.stack import Stack
from tests.support.waiting import wait_until
from tests.support.workers import Witness


@pytest.fixture
def settings() -> dict[str, str]:
    """A token every 50 ms."""
    return {"ECHO_TOKENS_PER_SECOND": "20"}


def test_a_cancelled_jobs_slot_is_free_and_the_time_it_took_is_exported(
    stack: Stack, desk: Desk, witness: Witness
) -> None:
    # Given three running jobs
    worker = stack.start_worker()
    jobs = [submit(desk, 2000) for _ in range(3)]
    for job_id in jobs:
        wait_for_tokens(desk, job_id, 1)
    # When they are cancelled
    for job_id in jobs:
        assert desk.scripts("cancel", job_id, "ada", "n") == ["ok"]
        assert desk.read(job_id).status is JobStatus.CANCELLED
    # Then every slot is free, and how long that took is in the histogram
    wait_until(lambda: witness.metric(worker, "llama_cancel_seconds_count") == 3)
    assert witness.metric(worker, "llama_slots_busy") == 0
