"""A job that kills every worker which takes it."""

import time
from pathlib import Path

from benchmarks.chaos.result import Result
from benchmarks.chaos.settings import ChaosSettings
from benchmarks.chaos.trial import Trial
from common import keys

_LOOK_SECONDS = 0.005


def poison(settings: ChaosSettings, directory: Path) -> Result:
    """Kill whichever worker holds the poison job before its first token, among 100 others."""
    with Trial("poison", directory, settings.seed, ECHO_TOKENS_PER_SECOND="5") as trial:
        trial.start(workers=2)
        neighbours = settings.at_most(100)
        trial.submit(trial.orders(neighbours // 4, lambda n: 3 + n % 4))
        dose = trial.submit(trial.orders(1, lambda _: 5, "-dose"))
        dose.join(30)
        trial.poison = dose.acceptances[0].job_id
        trial.submit(trial.orders(neighbours - neighbours // 4, lambda n: 3 + n % 4, "-rest"))
        _kill_whoever_takes(trial, trial.poison)
        trial.wait_for_the_end(120)
        _expect_only_the_poison_dead(trial)
        return trial.result()


def _kill_whoever_takes(trial: Trial, job_id: str) -> None:
    redis, key = trial.service.redis, keys.job(job_id)
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        status, tokens, holder = redis.hmget(key, "status", "tokens", "worker")
        if status not in ("queued", "in_progress"):
            return
        if status == "in_progress" and not int(tokens or 0):
            for name, worker in list(trial.service.workers.items()):
                if f"-{worker.pid}-" in str(holder):
                    trial.kill_worker(name)
                    trial.service.start_worker(name)
        time.sleep(_LOOK_SECONDS)


def _expect_only_the_poison_dead(trial: Trial) -> None:
    dead = set(trial.service.redis.zrange(keys.DEAD, 0, -1))
    if dead != {trial.poison}:
        trial.broken.append(f"dead letters: {sorted(dead)}, the poison job: {trial.poison}")
    job = trial.read(trial.poison)
    if job is None or job.error is None or job.error.code != "worker_lost":
        trial.broken.append(f"the poison job ended as {job}")
    else:
        trial.notes.append(f"the poison job is a dead letter after {job.kills} kills")
