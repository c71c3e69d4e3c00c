"""A model is swapped and warmed in a running worker; no job is lost or blamed."""

import json
import shutil

import pytest
from redis import Redis

from common import keys
from common.commands import Command, Verb
from common.job import JobStatus
from tests.models import default_gguf
from tests.support.desk import Desk
from tests.support.echoes import echo, ended, submit, wait_for_tokens
from tests.support.stack import Stack
from tests.support.waiting import wait_until
from tests.support.workers import Witness


@pytest.fixture
def settings() -> dict[str, str]:
    """Two seconds to drain."""
    return {"ECHO_TOKENS_PER_SECOND": "40", "DRAIN_SECONDS": "2", "MAX_ATTEMPTS": "1"}


def command_all(redis: Redis, verb: Verb, workers: int = 1) -> Command:
    """Give a command once so many workers listen."""
    channel = keys.COMMANDS_CHANNEL
    wait_until(lambda: dict(redis.pubsub_numsub(channel))[channel] == workers)
    command = Command(verb)
    assert redis.publish(channel, command.to_json()) == workers
    return command


def test_a_reload_loses_no_job_and_blames_none(
    stack: Stack, redis: Redis, desk: Desk, witness: Witness
) -> None:
    # Given a worker with jobs longer and shorter than its drain, and some that wait
    worker = stack.start_worker()
    long, short, *waiting = [submit(desk, tokens) for tokens in (200, 40, 60, 10, 10)]
    for job_id in (long, short):
        wait_for_tokens(desk, job_id, 2)
    before = json.loads(witness.about(worker)["info"])["loaded_at"]
    # When it is told to load its model again
    command = command_all(redis, Verb.RELOAD)
    # Then it does, and says so
    witness.wait_for(worker, command=command.id, state="ready")
    assert json.loads(witness.about(worker)["info"])["loaded_at"] > before
    # And every job is completed: the short one had its time, the long one went on afterwards
    done = {job_id: ended(desk, job_id) for job_id in (long, short, *waiting)}
    assert {job.status for job in done.values()} == {JobStatus.COMPLETED}
    assert {(job.failures, job.kills, job.rescues) for job in done.values()} == {(0, 0, 0)}
    assert (done[short].attempts, done[long].attempts) == (1, 2)
    assert done[long].text == echo(200)


def test_while_one_worker_reloads_another_does_its_jobs(
    stack: Stack, redis: Redis, desk: Desk, witness: Witness
) -> None:
    # Given a worker that loads a model for as long as the file exists, and nobody who would
    # ring again
    stack.processes["maintenance"].stop()
    hold = stack.directory / "hold"
    slow = stack.start_worker("slow", ECHO_HANG_FILE=str(hold), SWEEP_SECONDS="600")
    ended(desk, submit(desk, 1))
    hold.touch()
    command_all(redis, Verb.RELOAD)
    witness.wait_for(slow, state="loading")
    # When there are jobs
    jobs = [submit(desk, 5) for _ in range(6)]
    # Then it keeps no bell to itself, though it was just asking for one
    wait_until(lambda: redis.llen("q.normal") > 0)
    # And another worker does them
    stack.start_worker("other")
    assert {ended(desk, job_id).status for job_id in jobs} == {JobStatus.COMPLETED}
    assert witness.about(slow)["state"] == "loading"
    hold.unlink()
    witness.wait_for(slow, state="ready")


@pytest.mark.model
def test_bad_weights_cost_no_job_anything_and_good_ones_end_it(
    stack: Stack, redis: Redis, desk: Desk, witness: Witness
) -> None:
    # Given a real model whose weights are replaced by a damaged file
    folder = stack.directory / "model"
    shutil.copytree(default_gguf().parent, folder)
    weights, kept = folder / default_gguf().name, folder / "kept"
    worker = stack.start_worker(ENGINE="llamacpp", MODEL=str(weights), N_CTX="256")
    witness.wait_for(worker, state="ready")
    damaged = folder / "damaged"
    damaged.write_bytes(weights.read_bytes()[:1_000_000])
    weights.rename(kept)
    damaged.rename(weights)
    # When the worker loads them
    command_all(redis, Verb.RELOAD)
    witness.wait_for(worker, state="model_missing", breaker="open")
    assert str(weights) in witness.about(worker)["error"]
    job_id = submit(desk, 5)
    # Then the queue waits, and goes on by itself when they are good again
    kept.rename(weights)
    job = ended(desk, job_id)
    assert (job.status, job.attempts, job.failures) == (JobStatus.COMPLETED, 1, 0)
    assert witness.about(worker)["breaker"] == "closed"


def test_workers_reload_one_after_the_other(stack: Stack, redis: Redis, witness: Witness) -> None:
    # Given three workers that are told at once
    workers = [stack.start_worker(name) for name in ("one", "two", "three")]
    for worker in workers:
        witness.wait_for(worker, state="ready")
    command = command_all(redis, Verb.RELOAD, len(workers))
    # When all have obeyed
    for worker in workers:
        witness.wait_for(worker, command=command.id, state="ready")
    # Then each began when the one before it was done
    steps = [
        (entry["ts"], entry["event"])
        for worker in workers
        for entry in map(json.loads, worker.output().splitlines())
        if entry["event"] in ("command", "model loaded")
    ]
    in_order = [event for _, event in sorted(steps)]
    assert in_order == ["model loaded"] * 3 + ["command", "model loaded"] * 3


def test_a_worker_is_warmed_while_it_works(
    stack: Stack, redis: Redis, desk: Desk, witness: Witness
) -> None:
    worker = stack.start_worker()
    job_id = submit(desk, 40)
    wait_for_tokens(desk, job_id, 2)
    command = command_all(redis, Verb.WARMUP)
    witness.wait_for(worker, command=command.id, state="ready")
    job = ended(desk, job_id)
    assert (job.status, job.attempts) == (JobStatus.COMPLETED, 1)


def test_nonsense_on_the_channel_changes_nothing(
    stack: Stack, redis: Redis, witness: Witness
) -> None:
    worker = stack.start_worker()
    witness.wait_for(worker, state="ready")
    command_all(redis, Verb.WARMUP)
    for message in ("", "[]", '"reload"', '{"verb": "dance", "id": "1"}', '{"verb": "reload"}'):
        redis.publish(keys.COMMANDS_CHANNEL, message)
    command = command_all(redis, Verb.WARMUP)
    witness.wait_for(worker, command=command.id, state="ready")
