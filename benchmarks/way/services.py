"""Ours and the others, all at once on one store: each behind a service that waits for the end."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.chaos.service import ROOT, Service
from benchmarks.chaos.settings import inherited
from benchmarks.processes import Process
from benchmarks.valkey import ValkeyServer
from benchmarks.waiting import wait_until
from benchmarks.way.asks import Ask, theirs
from cli.ports import any_free

_WORKERS = {
    "celery": ["-m", "benchmarks.way.celery_worker"],
    "taskiq": [
        *("-m", "taskiq", "worker", "benchmarks.way.work:create_broker", "--no-parse"),
        *("--workers", "1", "--max-async-tasks", "3", "--log-level", "WARNING"),
    ],
}


class StampedService(Service):
    """The product, whose processes note when a job passes where."""

    def _start(self, name: str, *module_and_role: str) -> Process:
        return super()._start(name, "benchmarks.way.stamped", *module_and_role)


@contextmanager
def running_service(directory: Path, stamps: Path, tokens_per_second: float) -> Iterator[Service]:
    """Gateway, maintenance and one worker of three slots, over the engine echo."""
    valkey = ValkeyServer(directory)
    valkey.start()
    service = StampedService(
        directory,
        valkey,
        ECHO_TOKENS_PER_SECOND=str(tokens_per_second),
        STAMPS=str(stamps),
    )
    try:
        service.start(workers=1)
        yield service
    finally:
        service.stop()


@contextmanager
def running_peers(
    directory: Path, valkey: ValkeyServer, work_seconds: float
) -> Iterator[Mapping[str, Ask]]:
    """Each peer by its name, on a database of its own."""
    processes: list[Process] = []
    asks: dict[str, Ask] = {}
    try:
        for number, (name, worker) in enumerate(_WORKERS.items(), start=1):
            port = any_free()
            program = ["-m", "uvicorn", "--factory", f"benchmarks.way.work:create_{name}_service"]
            program += ["--port", str(port), "--no-access-log", "--log-level", "warning"]
            environment = inherited() | {
                "PYTHONPATH": str(ROOT),
                "REDIS_URL": valkey.url.replace("/0", f"/{number}"),
                "WORK_SECONDS": str(work_seconds),
            }
            for role, command_line in (("service", program), ("worker", worker)):
                log = directory / f"{name}-{role}.log"
                processes.append(Process(name, [sys.executable, *command_line], log, environment))
            asks[name] = theirs(f"http://127.0.0.1:{port}/work")
        for name, ask in asks.items():
            wait_until(lambda ask=ask: _answers(ask), 60, f"the first answer of {name}")  # type: ignore[misc]
        yield asks
    finally:
        for process in processes:
            process.kill()


def _answers(ask: Ask) -> bool:
    try:
        ask()
    except (OSError, RuntimeError):
        return False
    return True
