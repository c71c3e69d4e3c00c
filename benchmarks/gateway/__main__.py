"""``python -m benchmarks.gateway``: submits a second, beside doing nothing and the usual way.

One process each, the same load, in turn. Ours has everything on: limits, guard (flag), idempotency,
capacity, and a job that is written down before it is answered.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from pydantic import Field
from pydantic_settings import BaseSettings

from benchmarks.chaos.service import ENVIRONMENT, Service
from benchmarks.chaos.settings import inherited
from benchmarks.gateway.wrk import Load, Wrk
from benchmarks.pairs import ratio
from benchmarks.processes import Process
from benchmarks.valkey import ValkeyServer
from benchmarks.waiting import wait_until
from cli.ports import any_free
from quantization.measure.machine import command, machine, versions
from tests.support.tools import tool

REPORT = Path(__file__).parents[2] / "docs" / "benchmarks" / "gateway.json"
SECRET = "0123456789abcdef" * 4
PROMPT = ("Explain the sentiment of AAPL to a careful reader, in plain words. " * 4)[:200]
#: At least this part of no-op's throughput, at most so many times its p99.
GOALS = {"throughput": 0.60, "p99": 2.0}


class GatewayBenchSettings(BaseSettings):
    """Read from the environment, as GATEWAY_BENCH_ROUNDS and so on."""

    model_config = {"env_prefix": "GATEWAY_BENCH_"}

    rounds: int = Field(7, ge=1)
    seconds: int = Field(5, ge=1, description="of load in a turn")
    connections: int = Field(16, ge=1)


def main() -> int:
    """Measure, save and print; exit status 1 where a goal is missed."""
    settings = GatewayBenchSettings()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as name:
        directory = Path(name)
        with _running(directory) as (service, ways):
            body = {"prompt": PROMPT, "max_tokens": 50}
            wrk = Wrk(tool("wrk"), directory, service.token(), body)
            runs = _in_turn(service, wrk, ways, settings)
    rows = {name: _row(runs["ours"], loads) for name, loads in runs.items() if name != "ours"}
    result = {
        "command": command(),
        "machine": machine(),
        "versions": versions(),
        "settings": settings.model_dump(),
        "goals": GOALS,
        "ours": _medians(runs["ours"]),
        "beside": rows,
    }
    REPORT.write_text(json.dumps(result, indent=1) + "\n")
    for line in _lines(result):
        print(line)  # noqa: T201
    noop = rows["noop"]
    good = noop["throughput"]["median"] >= GOALS["throughput"]
    return 0 if good and noop["p99"]["median"] <= GOALS["p99"] else 1


@contextmanager
def _running(directory: Path) -> Iterator[tuple[Service, Mapping[str, str]]]:
    """The gateway and its peers, by the URL of each."""
    valkey = ValkeyServer(directory)
    valkey.start()
    service = Service(directory, valkey, JWT_SECRET=SECRET, PROMPT_GUARD="flag")
    peers: list[Process] = []
    try:
        service.start_gateway()
        service.wait_for_the_gateway()
        urls = {"ours": service.base_url}
        for name in ("noop", "usual"):
            urls[name] = f"http://127.0.0.1:{any_free()}"
            peers.append(_peer(name, urls[name], valkey.url, directory))
        yield service, urls
    finally:
        for peer in peers:
            peer.kill()
        service.stop()


def _peer(name: str, url: str, redis_url: str, directory: Path) -> Process:
    port = url.rpartition(":")[2]
    factory = f"benchmarks.gateway.peers:create_{name}"
    options = ["--factory", "--port", port, "--no-access-log", "--log-level", "warning"]
    environment = inherited() | ENVIRONMENT | {"JWT_SECRET": SECRET, "REDIS_URL": redis_url}
    program = [sys.executable, "-m", "uvicorn", factory, *options]
    process = Process(name, program, directory / f"{name}.log", environment)
    wait_until(lambda: _answers(url), 30, f"the answer of {name}")
    return process


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/openapi.json", trust_env=False).is_success
    except httpx.TransportError:
        return False


def _in_turn(
    service: Service, wrk: Wrk, urls: Mapping[str, str], settings: GatewayBenchSettings
) -> dict[str, list[Load]]:
    """The loads of each way; the first round warms up and is left out."""
    runs: dict[str, list[Load]] = {name: [] for name in urls}
    for turn in range(settings.rounds + 1):
        for name, url in urls.items():
            _forget_jobs(service)
            load = wrk.run(f"{url}/generate", settings.seconds, settings.connections)
            if load.refused or load.broken:
                raise RuntimeError(f"{name} refused {load.refused}, broke {load.broken}")
            if turn:
                runs[name].append(load)
    return runs


def _forget_jobs(service: Service) -> None:
    """Each turn starts with an empty queue, and the user it began with."""
    kept = ("user:", "users", "session", "revoked", "secret")
    doomed = [key for key in service.redis.scan_iter(count=5000) if not key.startswith(kept)]
    for start in range(0, len(doomed), 5000):
        service.redis.unlink(*doomed[start : start + 5000])


def _row(ours: list[Load], theirs: list[Load]) -> dict[str, Any]:
    return _medians(theirs) | {
        "throughput": asdict(
            ratio([load.per_second for load in ours], [load.per_second for load in theirs])
        ),
        "p99": asdict(ratio([load.p99_ms for load in ours], [load.p99_ms for load in theirs])),
    }


def _medians(loads: list[Load]) -> dict[str, float]:
    return {
        "per_second": median(load.per_second for load in loads),
        "p50_ms": median(load.p50_ms for load in loads),
        "p99_ms": median(load.p99_ms for load in loads),
    }


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    ours = result["ours"]
    yield f"ours: {ours['per_second']:.0f} a second, p50 {ours['p50_ms']:.1f} ms, p99 {ours['p99_ms']:.1f}"
    for name, row in result["beside"].items():
        share, slower = row["throughput"], row["p99"]
        yield (
            f"{name}: {row['per_second']:.0f} a second, p50 {row['p50_ms']:.1f} ms, "
            f"p99 {row['p99_ms']:.1f}; ours does {share['median']:.2f} of it "
            f"({share['low']:.2f} to {share['high']:.2f}), p99 {slower['median']:.2f} times"
        )


if __name__ == "__main__":
    sys.exit(main())
