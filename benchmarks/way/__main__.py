"""``python -m benchmarks.way``: what the way of a job costs, beside stock Celery and taskiq.

Clients in a closed loop ask for work that takes a known time, and wait for the answer; what they
waited longer is the way. All services run at once, and are asked in turn.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx
from pydantic import Field
from pydantic_settings import BaseSettings

from benchmarks.chaos.service import Service
from benchmarks.chaos.settings import inherited
from benchmarks.pairs import ratio
from benchmarks.processes import Process
from benchmarks.valkey import ValkeyServer
from benchmarks.waiting import wait_until
from cli.ports import any_free
from quantization.measure.machine import command, machine, versions

REPORT = Path(__file__).parents[2] / "docs" / "benchmarks" / "way.json"
ROOT = Path(__file__).parents[2]
TOKENS, TOKENS_PER_SECOND = 10, 200
WORK_SECONDS = TOKENS / TOKENS_PER_SECOND
PROMPT = "Explain the sentiment of AAPL to a careful reader."
#: Milliseconds at most, and the part of stock Celery's overhead.
GOALS = {"p50_ms": 15.0, "p99_ms": 50.0, "celery": 1 / 3}

Ask = Callable[[], float]


class WayBenchSettings(BaseSettings):
    """Read from the environment, as WAY_BENCH_ROUNDS and so on."""

    model_config = {"env_prefix": "WAY_BENCH_"}

    rounds: int = Field(7, ge=1)
    jobs: int = Field(60, ge=3, description="of a turn")
    concurrency: int = Field(3, ge=1)


def main() -> int:
    """Measure, save and print; exit status 1 where a goal is missed."""
    settings = WayBenchSettings()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="way-bench-")))
        ways = stack.enter_context(_running(directory))
        turns = _in_turn(ways, settings)
    rows = {name: _row(turns["caravan"], found) for name, found in turns.items()}
    result = {
        "command": command(),
        "machine": machine(),
        "versions": versions(),
        "settings": settings.model_dump() | {"work_seconds": WORK_SECONDS},
        "goals": GOALS,
        "overhead": rows,
    }
    REPORT.write_text(json.dumps(result, indent=1) + "\n")
    for name, row in rows.items():
        print(_line(name, row))  # noqa: T201
    ours, celery = rows["caravan"], rows["celery"]
    good = ours["p50_ms"] <= GOALS["p50_ms"] and ours["p99_ms"] <= GOALS["p99_ms"]
    return 0 if good and celery["p50"]["median"] <= GOALS["celery"] else 1


@contextmanager
def _running(directory: Path) -> Iterator[Mapping[str, Ask]]:
    """Each way by its name: a call asks for the work and returns the seconds it took too long."""
    valkey = ValkeyServer(directory)
    valkey.start()
    service = Service(directory, valkey, ECHO_TOKENS_PER_SECOND=str(TOKENS_PER_SECOND))
    others: list[Process] = []
    try:
        service.start(workers=1)
        ways = {"caravan": _ours(service)}
        for name, worker in _WORKERS.items():
            port = any_free()
            program = ["-m", "uvicorn", "--factory", f"benchmarks.way.work:create_{name}_service"]
            program += ["--port", str(port), "--no-access-log", "--log-level", "warning"]
            environment = inherited() | {
                "PYTHONPATH": str(ROOT),
                "REDIS_URL": valkey.url.replace("/0", f"/{1 + len(others)}"),
                "WORK_SECONDS": str(WORK_SECONDS),
            }
            for role, command_line in (("service", program), ("worker", worker)):
                log = directory / f"{name}-{role}.log"
                others.append(Process(name, [sys.executable, *command_line], log, environment))
            ways[name] = _theirs(f"http://127.0.0.1:{port}/work")
        for ask in ways.values():
            wait_until(partial(_works, ask), 60, "the first answer")
        yield ways
    finally:
        for process in others:
            process.kill()
        service.stop()


_WORKERS = {
    "celery": ["-m", "benchmarks.way.celery_worker"],
    "taskiq": [
        *("-m", "taskiq", "worker", "benchmarks.way.work:create_broker", "--no-parse"),
        *("--workers", "1", "--max-async-tasks", "3", "--log-level", "WARNING"),
    ],
}


def _ours(service: Service) -> Ask:
    """``POST /generate`` that waits; the engine's own time is what the job says of it."""
    client = httpx.Client(
        base_url=service.base_url,
        headers={"Authorization": f"Bearer {service.token()}", "Prefer": "wait=30"},
        trust_env=False,
        timeout=60,
    )
    body = {"prompt": PROMPT, "max_tokens": TOKENS}

    def ask() -> float:
        started = time.perf_counter()
        job = client.post("/generate", json=body).raise_for_status().json()
        took = time.perf_counter() - started
        if job["status"] != "completed":
            raise RuntimeError(f"the job is {job['status']}")
        return took - WORK_SECONDS

    return ask


def _theirs(url: str) -> Ask:
    client = httpx.Client(trust_env=False, timeout=60)

    def ask() -> float:
        started = time.perf_counter()
        client.post(url, json={"prompt": PROMPT}).raise_for_status()
        return time.perf_counter() - started - WORK_SECONDS

    return ask


def _works(ask: Ask) -> bool:
    try:
        ask()
    except httpx.HTTPError:
        return False
    return True


def _in_turn(ways: Mapping[str, Ask], settings: WayBenchSettings) -> dict[str, list[list[float]]]:
    """Overheads in seconds, a list for each turn; the first round warms up and is left out."""
    turns: dict[str, list[list[float]]] = {name: [] for name in ways}
    with ThreadPoolExecutor(settings.concurrency) as clients:
        for turn in range(settings.rounds + 1):
            for name, ask in ways.items():
                asked = [clients.submit(ask) for _ in range(settings.jobs)]
                found = [future.result() for future in asked]
                if turn:
                    turns[name].append(found)
    return turns


def _row(ours: list[list[float]], theirs: list[list[float]]) -> dict[str, Any]:
    """Percentiles over all turns, and how ours compare turn by turn."""
    cuts = quantiles([seconds for turn in theirs for seconds in turn], n=100)
    medians = [[quantiles(turn, n=2)[0] for turn in turns] for turns in (ours, theirs)]
    return {
        "p50_ms": cuts[49] * 1e3,
        "p90_ms": cuts[89] * 1e3,
        "p99_ms": cuts[98] * 1e3,
        "p50": asdict(ratio(*medians)),
    }


def _line(name: str, row: Mapping[str, Any]) -> str:
    spread = row["p50"]
    return (
        f"{name:>8}: p50 {row['p50_ms']:.1f} ms, p90 {row['p90_ms']:.1f}, p99 {row['p99_ms']:.1f}; "
        f"ours / this {spread['median']:.2f} ({spread['low']:.2f} to {spread['high']:.2f})"
    )


if __name__ == "__main__":
    sys.exit(main())
