"""A closed loop: so many clients, each with one job at a time."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from cli.client.gateway import Gateway
from cli.client.submission import new_key
from cli.clock import milliseconds
from cli.faults import Fault, Refused
from cli.load.report import Report, Sample

#: Seconds that an answer may be held; a longer job is waited for again.
WAIT_SECONDS = 60
#: Seconds before a refused submit is repeated, if the gateway does not say.
DEFAULT_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Load:
    """What every client asks for, and when they stop: after ``jobs``, or ``seconds``."""

    path: str
    body: Mapping[str, Any]
    concurrency: int
    jobs: int | None
    seconds: float | None


class Loop:
    """Runs a load against one gateway; ``stop`` lets running jobs end and begins no more."""

    def __init__(self, gateway: Gateway, load: Load, count: Callable[[], None]) -> None:
        self._gateway = gateway
        self._load = load
        self._count = count
        self._report = Report(load.concurrency)
        self._lock = threading.Lock()
        self._begun = 0
        self._stopped = threading.Event()

    def run(self) -> Report:
        """Return once every client has stopped."""
        start = time.monotonic()
        timer = threading.Timer(self._load.seconds or 0, self._stopped.set)
        if self._load.seconds:
            timer.start()
        try:
            self._run_clients()
        finally:
            timer.cancel()
        self._report.seconds = time.monotonic() - start
        return self._report

    def _run_clients(self) -> None:
        """Let Ctrl-C end the load, not the report."""
        with ThreadPoolExecutor(self._load.concurrency) as clients:
            try:
                for _ in range(self._load.concurrency):
                    clients.submit(self._client)
                clients.shutdown(wait=True)
            except KeyboardInterrupt:
                self._report.interrupted = True
                self._stopped.set()

    def _client(self) -> None:
        while self._may_begin():
            try:
                sample = self._one()
            except Fault as fault:
                with self._lock:
                    self._report.errors[fault.code or type(fault).__name__.lower()] += 1
                if not isinstance(fault, Refused):
                    self._stopped.set()  # what is wrong once is wrong always
                continue
            if sample:
                with self._lock:
                    self._report.samples.append(sample)
                self._count()

    def _may_begin(self) -> bool:
        with self._lock:
            if self._stopped.is_set() or self._begun == self._load.jobs:
                return False
            self._begun += 1
            return True

    def _one(self) -> Sample | None:
        """One job from submit to end; None if the load was stopped before it was accepted."""
        start, key, prefer = time.monotonic(), new_key(), {"Prefer": f"wait={WAIT_SECONDS}"}
        while True:
            try:
                job = self._gateway.submit(self._load.path, self._load.body, key, **prefer)
                break
            except Refused as refusal:
                with self._lock:
                    self._report.refusals[refusal.code] += 1
                if self._stopped.wait(refusal.retry_after_seconds or DEFAULT_PAUSE_SECONDS):
                    return None
                start = time.monotonic()  # a wait for room is no latency of the job's
        while job["status"] in ("queued", "in_progress"):
            job = self._gateway.call("GET", job["urls"]["self"], headers=prefer).json()
        return _sample(job, (time.monotonic() - start) * 1000)


def _sample(job: dict[str, Any], total: float) -> Sample:
    started, ended = job["started_at"], job["completed_at"]
    return Sample(
        total=total,
        waited=milliseconds(job, "created_at", "started_at") if started else 0.0,
        ran=milliseconds(job, "started_at", "completed_at") if started and ended else 0.0,
        tokens=job["usage"]["completion_tokens"],
        status=job["status"],
    )
