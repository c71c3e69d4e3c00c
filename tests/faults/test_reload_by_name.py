"""Another model by name: one worker after the other, back to the old one where it fails."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from common import keys
from common.commands import Target
from common.job import JobStatus
from common.reloads import Reload
from tests.models import default_gguf
from tests.support.desk import Desk
from tests.support.echoes import ended, submit
from tests.support.stack import Stack
from tests.support.waiting import wait_until
from tests.support.workers import Witness

pytestmark = pytest.mark.model

MODELS = {"one": 512, "two": 256}  #: folder -> tokens of context


@pytest.fixture
def settings() -> dict[str, str]:
    return {"ENGINE": "llamacpp", "MODEL": "one", "DRAIN_SECONDS": "1", "N_CTX": "512"}


@pytest.fixture
def stack(tmp_path: Path, settings: dict[str, str]) -> Any:
    """A gateway and a store with two models, and a third that cannot be loaded."""
    stack = Stack(tmp_path, **settings)
    for folder, context in {**MODELS, "bad": 512}.items():
        copy_model(tmp_path / "models" / folder, context)
    (tmp_path / "models" / "bad" / default_gguf().name).unlink()
    spoiled = tmp_path / "models" / "bad" / default_gguf().name
    with spoiled.open("wb") as weights:
        weights.truncate(default_gguf().stat().st_size)
    stack.valkey.start()
    stack.start_gateway()
    stack.start_maintenance()
    yield stack
    stack.stop()


def copy_model(folder: Path, context_size: int) -> None:
    """The default model under another name, its weights shared."""
    folder.mkdir(parents=True)
    for file in default_gguf().parent.iterdir():
        if file.name == "manifest.json":
            manifest = json.loads(file.read_text())
            (folder / file.name).write_text(json.dumps({**manifest, "context_size": context_size}))
        elif file.suffix == ".gguf":
            (folder / file.name).symlink_to(file)
        else:
            shutil.copy(file, folder)


@pytest.fixture
def admin(stack: Stack) -> Any:
    wait_until(lambda: answers(stack), what="the gateway's answer")
    with stack.login() as client:
        yield client


def answers(stack: Stack) -> bool:
    try:
        return httpx.get(f"{stack.base_url}/livez", trust_env=False).is_success
    except httpx.TransportError:
        return False


def source(witness: Witness, process: Any) -> Any:
    """The MODEL that a worker serves."""
    return json.loads(witness.about(process).get("info", "{}")).get("source")


def reloaded(admin: httpx.Client, **body: Any) -> Any:
    """The progress of a reload once it is done."""
    answer = admin.post("/admin/reload", json=body)
    assert answer.status_code == 202, answer.text

    def done() -> Any:
        progress = admin.get(answer.headers["Location"]).json()
        return progress if progress["id"] == answer.json()["id"] and progress["done"] else None

    return wait_until(done, 120, f"the end of the reload {body}")


Start = Callable[..., Any]


def test_all_workers_change_the_model_the_gateway_follows_and_a_restart_keeps_it(
    stack: Stack, redis: Redis, desk: Desk, witness: Witness, admin: httpx.Client
) -> None:
    # Given two workers on one model, whose context holds a certain prompt
    workers = [stack.start_worker(name) for name in ("first", "second")]
    for worker in workers:
        witness.wait_for(worker, state="ready")
    long = {"prompt": "word " * 300, "max_tokens": 1}
    assert admin.post("/generate", json=long).status_code == 202
    # When another is asked for by name
    progress = reloaded(admin, model="two")
    # Then both serve it
    assert [worker["state"] for worker in progress["workers"]] == ["ready", "ready"]
    assert {source(witness, worker) for worker in workers} == {"two"}
    # And the gateway counts by its context, and jobs run
    wait_until(lambda: admin.post("/generate", json=long).status_code == 422, what="a 422")
    assert "256" in admin.post("/generate", json=long).json()["detail"]
    assert ended(desk, submit(desk, 3)).status is JobStatus.COMPLETED
    # And a worker that is killed comes back with it, and so does a new one
    workers[0].kill()
    for name in ("first", "third"):
        worker = stack.start_worker(name)
        witness.wait_for(worker, state="ready")
        assert source(witness, worker) == "two"
    # But one that was started with another MODEL since keeps that
    changed = stack.start_worker("fourth", MODEL=str(stack.directory / "models" / "one"))
    witness.wait_for(changed, state="ready")
    assert source(witness, changed) == str(stack.directory / "models" / "one")


def test_a_model_that_cannot_be_loaded_costs_one_worker_a_moment_and_no_job_anything(
    stack: Stack, redis: Redis, desk: Desk, witness: Witness, admin: httpx.Client
) -> None:
    # Given two workers at work
    workers = [stack.start_worker(name) for name in ("first", "second")]
    for worker in workers:
        witness.wait_for(worker, state="ready")
    jobs = [submit(desk, 40) for _ in range(4)]
    # When they are to load damaged weights
    progress = reloaded(admin, model="bad")
    # Then the first one tried and said why, and the second did not try
    states = {worker["state"]: worker["error"] for worker in progress["workers"]}
    assert progress["failed"]
    assert set(states) == {"failed", "skipped"}
    assert "bad" in states["failed"]
    # And both serve the old model, with their breakers closed, and every job is done
    for worker in workers:
        witness.wait_for(worker, state="ready", breaker="closed")
        assert source(witness, worker) == "one"
    done = [ended(desk, job_id) for job_id in jobs]
    assert {(job.status, job.failures) for job in done} == {(JobStatus.COMPLETED, 0)}
    # And so does one that is started now
    third = stack.start_worker("third")
    witness.wait_for(third, state="ready")
    assert source(witness, third) == "one"


def test_a_worker_that_did_not_hear_of_it_catches_up(
    stack: Stack, redis: Redis, witness: Witness
) -> None:
    worker = stack.start_worker()
    witness.wait_for(worker, state="ready")
    # When a reload is remembered that was told to nobody
    missed = Reload("cmd_missed", Target(model="two"), Target())
    redis.set(keys.RELOAD_WANTED, missed.to_json())
    # Then the worker obeys it all the same
    witness.wait_for(worker, command=missed.id, state="ready")
    assert source(witness, worker) == "two"


def test_a_worker_whose_model_is_missing_takes_another(
    stack: Stack, witness: Witness, admin: httpx.Client
) -> None:
    # Given a worker that waits for a model that it cannot load
    worker = stack.start_worker(MODEL="bad")
    witness.wait_for(worker, state="model_missing", breaker="open")
    # When another one is named
    progress = reloaded(admin, model="one")
    # Then it serves that
    assert [one["state"] for one in progress["workers"]] == ["ready"]
    witness.wait_for(worker, state="ready", breaker="closed")
    assert source(witness, worker) == "one"


def test_one_worker_alone_may_try_another_model(
    stack: Stack, redis: Redis, witness: Witness, admin: httpx.Client
) -> None:
    workers = [stack.start_worker(name) for name in ("first", "second")]
    for worker in workers:
        witness.wait_for(worker, state="ready")
    chosen = next(
        str(name)
        for name in redis.zrange(keys.WORKERS, 0, -1)
        if redis.hget(keys.worker(str(name)), "pid") == str(workers[1].pid)
    )
    progress = reloaded(admin, model="two", workers=[chosen])
    assert [worker["id"] for worker in progress["workers"]] == [chosen]
    assert [source(witness, worker) for worker in workers] == ["one", "two"]
