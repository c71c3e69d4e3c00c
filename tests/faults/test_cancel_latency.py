"""How long a slot is lost on a job that nobody wants any more is measured."""

from pathlib import Path

from redis import Redis

from common.job import JobStatus
from tests.support.desk import Desk
from tests.support.echoes import submit, wait_for_tokens
from tests.support.stack import Stack
from tests.support.waiting import wait_until
from tests.support.workers import Witness


def test_a_cancelled_jobs_slot_is_free_within_a_token_and_the_time_is_exported(
    tmp_path: Path,
) -> None:
    stack = Stack(tmp_path, ENGINE="echo", ECHO_TOKENS_PER_SECOND="20")
    stack.valkey.start()
    try:
        with Redis.from_url(stack.valkey.url, decode_responses=True) as redis:
            desk, witness = Desk(redis), Witness(redis)
            worker = stack.start_worker()
            # Given three running jobs
            jobs = [submit(desk, 2000) for _ in range(3)]
            for job_id in jobs:
                wait_for_tokens(desk, job_id, 1)
            # When they are cancelled
            for job_id in jobs:
                assert desk.scripts("cancel", job_id, "ada", "n") == ["ok"]
                assert desk.read(job_id).status is JobStatus.CANCELLED
            # Then each slot's time is in the histogram, and is short
            wait_until(lambda: witness.metric(worker, "llama_cancel_seconds_count") == 3)
            assert witness.metric(worker, "llama_cancel_seconds_sum") < 3 * 0.25
            assert witness.metric(worker, "llama_slots_busy") == 0
    finally:
        stack.stop()
