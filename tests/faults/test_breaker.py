"""An engine that breaks: its worker steps aside, and no job pays for it."""

from pathlib import Path

import pytest

from common.job import JobStatus
from tests.support.desk import Desk
from tests.support.echoes import echo, ended, submit, wait_for_tokens
from tests.support.stack import Stack
from tests.support.waiting import wait_until
from tests.support.workers import Witness
from worker.engines.faults import OUT_OF_MEMORY
from worker.keeper import STALLED


@pytest.fixture
def settings() -> dict[str, str]:
    """An engine error may not happen to a job even once."""
    return {"ECHO_TOKENS_PER_SECOND": "50", "MAX_ATTEMPTS": "1"}


@pytest.fixture
def fault(tmp_path: Path) -> Path:
    """While this file exists the engine fails."""
    return tmp_path / "fault"


def begin(fault: Path, why: str) -> None:
    """Let the file appear with its text in it."""
    draft = fault.with_suffix(".draft")
    draft.write_text(why)
    draft.rename(fault)


def test_jobs_of_a_broken_engine_go_on_elsewhere_without_blame(
    stack: Stack, desk: Desk, witness: Witness, fault: Path
) -> None:
    # Given a worker with three jobs half-way, slow enough that another, idle one can start
    broken = stack.start_worker("broken", ECHO_FAIL_FILE=str(fault), ECHO_TOKENS_PER_SECOND="5")
    jobs = [submit(desk, 150) for _ in range(3)]
    for job_id in jobs:
        wait_for_tokens(desk, job_id, 2)
    other = stack.start_worker("other")
    witness.wait_for(other, state="ready")
    # When the first one's engine breaks
    begin(fault, "CUDA error: an illegal memory access")
    # Then its jobs go on in the other, and are done before it is well again
    done = [ended(desk, job_id) for job_id in jobs]
    assert [(job.status, job.text) for job in done] == [(JobStatus.COMPLETED, echo(150))] * 3
    assert [(job.attempts, job.failures, job.kills) for job in done] == [(2, 0, 0)] * 3
    # And it says so
    assert witness.about(broken)["breaker"] in ("open", "half_open")
    assert witness.metric(broken, "llama_circuit_breaker_state") >= 1
    assert witness.metric(broken, "llama_circuit_breaker_opened_total") == 1
    # When the fault is over, it takes jobs again
    fault.unlink()
    witness.wait_for(broken, breaker="closed", state="ready")
    other.stop()
    assert ended(desk, submit(desk, 5)).status is JobStatus.COMPLETED
    assert witness.metric(broken, "llama_circuit_breaker_state") == 0


def test_the_only_workers_queue_waits_for_the_repair(
    stack: Stack, desk: Desk, witness: Witness, fault: Path
) -> None:
    # Given a worker whose engine has broken while it ran a job, and more in the queue
    worker = stack.start_worker(ECHO_FAIL_FILE=str(fault), BREAKER_RELOADS="100")
    jobs = [submit(desk, 120) for _ in range(6)]
    wait_for_tokens(desk, jobs[0], 1)
    begin(fault, "bad weights")
    wait_until(lambda: worker.output().count("the model is not loaded") >= 2)
    # Then they all wait, and so does the next bell: it does not pop it to put it back
    assert witness.about(worker)["state"] == "broken"
    assert {desk.read(job_id).status for job_id in jobs} == {JobStatus.QUEUED}
    assert desk.redis.llen("q.normal") >= 1
    assert worker.output().count("left to other workers") <= 1
    # When it is repaired, they run, and none has a failure on its record
    fault.unlink()
    done = [ended(desk, job_id) for job_id in jobs]
    assert [(job.status, job.failures, job.text) for job in done] == [
        (JobStatus.COMPLETED, 0, echo(120))
    ] * 6


def test_a_broken_worker_leaves_at_once_when_told_to(
    stack: Stack, desk: Desk, witness: Witness, fault: Path
) -> None:
    patient = {"BREAKER_RELOADS": "100", "DRAIN_SECONDS": "300"}
    worker = stack.start_worker(ECHO_FAIL_FILE=str(fault), **patient)
    job_id = submit(desk, 500)
    wait_for_tokens(desk, job_id, 1)
    begin(fault, "bad weights")
    witness.wait_for(worker, breaker="open")
    assert worker.stop(60) == 0
    assert desk.read(job_id).status is JobStatus.QUEUED


def test_a_process_that_cannot_load_its_model_again_makes_room_for_a_fresh_one(
    stack: Stack, desk: Desk, fault: Path
) -> None:
    # Given a failure that lasts
    worker = stack.start_worker(ECHO_FAIL_FILE=str(fault), BREAKER_RELOADS="2")
    job_id = submit(desk, 120)
    wait_for_tokens(desk, job_id, 1)
    begin(fault, "CUDA error: device-side assert triggered")
    # Then the process ends, for its supervisor to start another
    assert worker.wait(60) == STALLED
    # And the job goes on there
    stack.start_worker("fresh")
    job = ended(desk, job_id)
    assert (job.status, job.text, job.failures) == (JobStatus.COMPLETED, echo(120), 0)


def test_a_job_that_the_engine_cannot_do_is_blamed_itself(
    stack: Stack, desk: Desk, witness: Witness
) -> None:
    # Given a job that does not fit into the context
    worker = stack.start_worker(N_CTX="128")
    job = ended(desk, desk.submit(prompt="x" * 200))
    # Then it fails, and the breaker stays closed
    assert job.error is not None
    assert (job.status, job.error.code) == (JobStatus.FAILED, "engine_error")
    assert witness.about(worker)["breaker"] == "closed"
    assert witness.metric(worker, "llama_circuit_breaker_opened_total") == 0


def test_jobs_that_do_not_fit_together_run_alone(
    stack: Stack, desk: Desk, witness: Witness, fault: Path
) -> None:
    # Given three jobs in one batch
    worker = stack.start_worker(ECHO_FAIL_FILE=str(fault))
    jobs = [submit(desk, 120) for _ in range(3)]
    for job_id in jobs:
        wait_for_tokens(desk, job_id, 5)
    # When memory becomes too short for more than one
    begin(fault, OUT_OF_MEMORY)
    # Then each goes on alone where it stood, within the same attempt
    done = [ended(desk, job_id) for job_id in jobs]
    assert [(job.status, job.text) for job in done] == [(JobStatus.COMPLETED, echo(120))] * 3
    assert [(job.attempts, job.failures) for job in done] == [(1, 0)] * 3
    # And the breaker had no part in it
    out_of_memory = 'llama_engine_errors_total{error="EngineOutOfMemory"}'
    assert witness.metric(worker, out_of_memory) >= 2
    assert witness.metric(worker, "llama_circuit_breaker_opened_total") == 0
