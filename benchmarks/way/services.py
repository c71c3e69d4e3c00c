"""Ours and the others, all at once on one store: each behind a service that waits for the end."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import jwt

from benchmarks.chaos.service import ROOT, Service
from benchmarks.chaos.settings import inherited
from benchmarks.processes import Process
from benchmarks.valkey import ValkeyServer
from benchmarks.waiting import wait_until
from benchmarks.way.asks import Asks, theirs
from cli.ports import any_free

_UVICORN = ["--factory", "--no-access-log", "--log-level", "warning", "--port"]


@dataclass(frozen=True, slots=True)
class Peer:
    """How one is started: a service for uvicorn, and its worker's command line."""

    service: str
    worker: tuple[str, ...]


_WORK, _CELERY = "benchmarks.way.work", "benchmarks.way.celery_worker"
PEERS = {
    "stock Celery": Peer(f"{_WORK}:create_celery_service", ("-m", _CELERY, "stock")),
    "Celery with token check, rate limit and late ack": Peer(
        f"{_WORK}:create_careful_celery_service", ("-m", _CELERY, "careful")
    ),
    "taskiq": Peer(
        f"{_WORK}:create_taskiq_service",
        (
            *("-m", "taskiq", "worker", f"{_WORK}:create_broker", "--no-parse"),
            *("--workers", "1", "--max-async-tasks", "3", "--log-level", "WARNING"),
        ),
    ),
    "the least: HTTP, a script, Celery's pick-up, a message": Peer(
        "benchmarks.way.floor:create_service", ("-m", "benchmarks.way.floor")
    ),
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
def running_peers(directory: Path, valkey: ValkeyServer) -> Iterator[Mapping[str, Asks]]:
    """Each peer by its name, on a database of its own."""
    processes: list[Process] = []
    asks: dict[str, Asks] = {}
    secret = token_hex(32)
    try:
        for number, (name, peer) in enumerate(PEERS.items(), start=1):
            port = any_free()
            environment = inherited() | {
                "PYTHONPATH": str(ROOT),
                "REDIS_URL": valkey.url.replace("/0", f"/{number}"),
                "JWT_SECRET": secret,
            }
            program = ["-m", "uvicorn", peer.service, *_UVICORN, str(port)]
            for role, command_line in (("service", program), ("worker", peer.worker)):
                log = directory / f"{number}-{role}.log"
                processes.append(Process(name, [sys.executable, *command_line], log, environment))
            asks[name] = theirs(f"http://127.0.0.1:{port}/work", _token(secret))
        for name, ask in asks.items():
            wait_until(lambda ask=ask: _answers(ask), 60, f"the first answer of {name}")  # type: ignore[misc]
        yield asks
    finally:
        for process in processes:
            process.kill()


def _token(secret: str) -> str:
    claims = {"sub": "ada", "exp": int(time.time()) + 86_400}
    return jwt.encode(claims, secret, "HS256")


def _answers(ask: Asks) -> bool:
    try:
        ask(0.01)
    except (OSError, RuntimeError):
        return False
    return True
