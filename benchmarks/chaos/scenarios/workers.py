"""Workers that die, stand still, or are told to leave."""

import signal
import time
from pathlib import Path
from random import Random

from benchmarks.chaos.evidence import Kill
from benchmarks.chaos.result import Result
from benchmarks.chaos.settings import ChaosSettings
from benchmarks.chaos.trial import Trial
from benchmarks.waiting import wait_until

#: Lease 15 s, and a scan every 2 s: rescued by then, though nobody saw the worker die.
RESCUED_WITHIN_SECONDS = 17.0
LONGER_THAN_THE_LEASE = 20.0


def kill(settings: ChaosSettings, directory: Path) -> Result:
    """SIGKILL a random one of 4 workers every 1-3 s, and start its successor."""
    random = Random(settings.seed)
    with Trial("kill", directory, settings.seed, ECHO_TOKENS_PER_SECOND="50") as trial:
        trial.start(workers=4)
        trial.submit(trial.orders(settings.jobs, lambda n: 3 + n % 7))
        deadline = time.monotonic() + 60 + 0.1 * settings.jobs
        while trial.busy() and time.monotonic() < deadline:
            time.sleep(random.uniform(1, 3))
            name = random.choice(list(trial.service.workers))
            trial.kill_worker(name)
            trial.service.start_worker(name)
        trial.wait_for_the_end(60)
        return trial.result()


def unseen(settings: ChaosSettings, directory: Path) -> Result:
    """SIGKILL, while the process id stays taken: only the lease can tell that one is dead."""
    with Trial("unseen", directory, settings.seed, ECHO_TOKENS_PER_SECOND="10") as trial:
        trial.start(workers=3)
        trial.submit(trial.orders(settings.at_most(200), lambda n: 5 + n % 8), per_second=7)
        for number in range(3):
            name = f"worker-{number}"
            _wait_until_it_holds(trial, name, jobs=3)
            trial.kill_worker(name, seen=False)
            trial.service.start_worker(f"successor-{number}")
        trial.wait_for_the_end(90)
        return _rescued_in_time(trial)


def pause(settings: ChaosSettings, directory: Path) -> Result:
    """SIGSTOP a worker for longer than its lease, then SIGCONT."""
    with Trial("pause", directory, settings.seed, ECHO_TOKENS_PER_SECOND="10") as trial:
        trial.start(workers=3)
        crowd = trial.submit(
            trial.orders(settings.at_most(90), lambda n: 15 + n % 16), per_second=3
        )
        held = _wait_until_it_holds(trial, "worker-0", jobs=3)
        paused = trial.service.workers["worker-0"]
        paused.send(signal.SIGSTOP)
        trial.kills.append(Kill(time.monotonic(), held))
        time.sleep(LONGER_THAN_THE_LEASE)
        paused.send(signal.SIGCONT)
        crowd.join(60)
        trial.wait_for_the_end(60)
        return _rescued_in_time(trial)


def drain(settings: ChaosSettings, directory: Path) -> Result:
    """SIGTERM every worker in turn, and the gateway, each replaced, under load."""
    with Trial("drain", directory, settings.seed, ECHO_TOKENS_PER_SECOND="10") as trial:
        trial.start(workers=3)
        trial.submit(trial.orders(settings.at_most(75), lambda n: 10 + 7 * n % 40), per_second=3)
        for name in list(trial.service.workers):
            held = _wait_until_it_holds(trial, name, jobs=2)
            trial.kills.append(Kill(time.monotonic(), held))
            status = trial.service.workers[name].stop()
            if status != 0:
                trial.broken.append(f"{name} left with status {status}")
            trial.service.start_worker(name)
        trial.service.gateway.stop()
        trial.service.start_gateway()
        trial.wait_for_the_end(120)
        _nobody_was_blamed(trial)
        return trial.result()


def _wait_until_it_holds(trial: Trial, name: str, jobs: int) -> list[str]:
    pid = trial.service.workers[name].pid

    def held() -> list[str]:
        found = trial.held_by(pid)
        return found if len(found) >= jobs else []

    return wait_until(held, 60, f"{jobs} jobs of {name}")


def _rescued_in_time(trial: Trial) -> Result:
    rescue = trial.result().rescue
    if rescue.max is None or rescue.max > RESCUED_WITHIN_SECONDS:
        trial.broken.append(f"rescues: {rescue}")
    trial.notes.append(f"{rescue.count} jobs were back in their queue within {rescue.max} s")
    return trial.result()


def _nobody_was_blamed(trial: Trial) -> None:
    for acceptance in trial.acceptances:
        job = trial.read(acceptance.job_id)
        if job is not None and (job.kills or job.failures or job.rescues):
            trial.broken.append(f"{job.id} was blamed for a worker that left")
