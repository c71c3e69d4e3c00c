"""The same kills on stock Celery with ``acks_late``, to compare with."""

import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

from redis import Redis

from benchmarks.chaos.result import Result, Spread
from benchmarks.chaos.service import ROOT
from benchmarks.chaos.settings import ChaosSettings, inherited
from benchmarks.chaos.stock import ENDED, STARTED, create_app
from benchmarks.processes import Process
from benchmarks.valkey import ValkeyServer
from benchmarks.waiting import wait_until

WORKERS = 4
#: The part of CHAOS_JOBS that is enough to see the difference.
SHARE = 5
#: A job that has not come back when nothing has moved for so long is counted as lost.
PATIENCE_SECONDS = 25.0
#: The visibility timeout of the tuned variant: our lease.
LEASE_SECONDS = 15


def stock(settings: ChaosSettings, directory: Path) -> Result:
    """Stock Celery, acks_late, its default visibility timeout of an hour."""
    return _Baseline("celery", settings, directory, 0).run()


def stock_tuned(settings: ChaosSettings, directory: Path) -> Result:
    """The same with a visibility timeout of 15 s, looked at every 5 s."""
    return _Baseline("celery-tuned", settings, directory, LEASE_SECONDS).run()


class _Baseline:
    """Four stock workers, one store, the kill script."""

    def __init__(
        self, name: str, settings: ChaosSettings, directory: Path, visibility_timeout: int
    ) -> None:
        directory.mkdir(parents=True)
        self._name = name
        self._directory = directory
        self._random = Random(settings.seed)
        self._ids = [f"job-{n}" for n in range(max(1, settings.jobs // SHARE))]
        self._visibility_timeout = visibility_timeout
        self._valkey = ValkeyServer(directory)
        self._workers: list[Process] = []
        self._kills: list[tuple[float, list[str]]] = []  # when, in epoch seconds, and what it ran

    def run(self) -> Result:
        self._valkey.start()
        with Redis.from_url(self._valkey.url, decode_responses=True) as redis:
            try:
                self._workers = [self._start(n) for n in range(WORKERS)]
                began = time.monotonic()
                self._submit()
                wait_until(lambda: redis.llen(STARTED) > 0, 60, "the first job")
                self._kill_until_quiet(redis)
                return self._result(redis, time.monotonic() - began)
            finally:
                for worker in self._workers:
                    worker.kill()
                self._valkey.kill()

    def _start(self, number: int) -> Process:
        module = [sys.executable, "-m", "benchmarks.chaos.stock_worker"]
        command = [*module, self._valkey.url, str(self._visibility_timeout)]
        environment = {**inherited(), "PYTHONPATH": str(ROOT)}
        log = self._directory / f"worker-{number}.log"
        return Process(f"celery-{number}", command, log, environment)

    def _submit(self) -> None:
        app = create_app(self._valkey.url, self._visibility_timeout)
        with app.producer_pool.acquire(block=True) as producer:
            for job_id in self._ids:
                app.send_task("work", [job_id], task_id=job_id, producer=producer)

    def _kill_until_quiet(self, redis: Redis) -> None:
        """Kill while jobs wait; then let Celery bring back what it can."""
        moved, before = time.monotonic(), -1
        while time.monotonic() - moved < PATIENCE_SECONDS:
            ended = _lines(redis, ENDED)
            if len(set(ended)) == len(self._ids):
                return
            if len(ended) != before:
                moved, before = time.monotonic(), len(ended)
            time.sleep(self._random.uniform(1, 3))
            if redis.llen("celery"):
                self._kill(redis, self._random.randrange(WORKERS))

    def _kill(self, redis: Redis, number: int) -> None:
        worker = self._workers[number]
        worker.kill()
        killed_at = time.time()
        done = set(_lines(redis, ENDED))
        starts = [line.split() for line in _lines(redis, STARTED)]
        held = [job for job, pid, _ in starts if int(pid) == worker.pid and job not in done]
        self._kills.append((killed_at, held))
        self._workers[number] = self._start(number)

    def _result(self, redis: Redis, seconds: float) -> Result:
        ends = Counter(_lines(redis, ENDED))
        starts = [line.split() for line in _lines(redis, STARTED)]
        recoveries = [
            min(later) - killed_at
            for killed_at, held in self._kills
            for job_id in held
            if (
                later := [
                    float(at) for job, _, at in starts if job == job_id and float(at) > killed_at
                ]
            )
        ]
        return Result(
            self._name,
            accepted=len(self._ids),
            completed=len(ends),
            lost=len(self._ids) - len(ends),
            double_terminals=sum(count > 1 for count in ends.values()),
            duplicate_starts=len(starts) - len({job for job, _, _ in starts}),
            rescue=Spread(0),
            recovery=Spread.of(recoveries),
            seconds=round(seconds, 1),
            kills=len(self._kills),
            notes=(f"lost: not back {PATIENCE_SECONDS:.0f} s after the last job moved",),
        )


def _lines(redis: Redis, key: str) -> list[str]:
    return [str(line) for line in redis.lrange(key, 0, -1)]
