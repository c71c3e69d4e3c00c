"""The store dies: in the middle of writes, for a second, or for longer than a lease."""

import time
from pathlib import Path

from benchmarks.chaos.result import Result
from benchmarks.chaos.settings import ChaosSettings
from benchmarks.chaos.trial import Trial

#: What a host crash may undo under AOF everysec.
CUT_SECONDS = 1.0
#: Longer than the lease of 15 s.
OUTAGE_SECONDS = 20.0
#: Bytes that stay of the first command that is cut: the file ends in its middle.
TORN_BYTES = 20


def everysec(settings: ChaosSettings, directory: Path) -> Result:
    """Kill -9 the server twice and restart it; AOF everysec."""
    return _killed("everysec", settings, directory)


def always(settings: ChaosSettings, directory: Path) -> Result:
    """The same with AOF always."""
    return _killed("always", settings, directory)


def _killed(fsync: str, settings: ChaosSettings, directory: Path) -> Result:
    options = ("--appendfsync", fsync)
    pace = {"ECHO_TOKENS_PER_SECOND": "20"}
    with Trial(fsync, directory, settings.seed, *options, **pace) as trial:
        trial.start(workers=2)
        trial.submit(trial.orders(settings.at_most(120), lambda n: 5 + n % 15), per_second=10)
        for _ in range(2):
            time.sleep(3)
            trial.valkey.kill()
            time.sleep(1)
            trial.valkey.start()
        trial.wait_for_the_end(90)
        return trial.result()


def cut(settings: ChaosSettings, directory: Path) -> Result:
    """Kill the server and cut the last second off its file, as a crash of the host does."""
    with Trial("cut", directory, settings.seed, ECHO_TOKENS_PER_SECOND="20") as trial:
        trial.start(workers=2)
        trial.submit(trial.orders(settings.at_most(120), lambda n: 5 + n % 15), per_second=12)
        time.sleep(4)
        trial.undone_since = time.monotonic()
        written = _append_only_file(directory).stat().st_size
        time.sleep(CUT_SECONDS)
        trial.valkey.kill()
        crashed = time.monotonic()
        _truncate(_append_only_file(directory), written + TORN_BYTES)
        trial.valkey.start()
        trial.wait_for_the_end(90)
        result = trial.result()
        at_risk = sum(trial.undone_since <= a.at < crashed for a in trial.acceptances)
        trial.notes.append(f"{result.lost} of {at_risk} jobs accepted in the cut second are gone")
        return trial.result()


def outage(settings: ChaosSettings, directory: Path) -> Result:
    """No server for 20 s, longer than the lease: no living worker loses its job."""
    with Trial("outage", directory, settings.seed, ECHO_TOKENS_PER_SECOND="10") as trial:
        trial.start(workers=2)
        long = start_long_jobs(trial, tokens=250)
        trial.submit(trial.orders(settings.at_most(40), lambda n: 5 + n % 5), per_second=4)
        trial.valkey.kill()
        time.sleep(OUTAGE_SECONDS)
        trial.valkey.start()
        trial.wait_for_the_end(120)
        expect_one_attempt(trial, long)
        return trial.result()


def start_long_jobs(trial: Trial, tokens: int) -> list[str]:
    """Fill some slots with jobs that outlast an outage, and wait until each has begun."""
    crowd = trial.submit(trial.orders(4, lambda _: tokens, "-long"))
    crowd.join(30)
    ids = [acceptance.job_id for acceptance in crowd.acceptances]
    for job_id in ids:
        trial.wait_for_tokens(job_id, 3)
    return ids


def expect_one_attempt(trial: Trial, job_ids: list[str]) -> None:
    """A living worker goes on with its job, whoever was away."""
    for job_id in job_ids:
        job = trial.read(job_id)
        if job is not None and job.attempts != 1:
            trial.broken.append(f"a living worker lost {job_id}")
    slowest = max((s for crowd in trial.crowds for s in crowd.refusal_seconds), default=None)
    if slowest is not None:
        trial.notes.append(f"the slowest 503 took {slowest:.1f} s")


def _append_only_file(directory: Path) -> Path:
    return max(directory.glob("appendonlydir/*.incr.aof"), key=lambda path: path.stat().st_mtime)


def _truncate(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(min(size, path.stat().st_size))
