"""``python -m benchmarks.gateway``: submits a second, beside doing nothing and the usual way.

One process each, the same load, in turn. Ours has everything on: limits, guard (flag), idempotency,
capacity, and a job that is written down before it is answered.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
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
from benchmarks.pairs import Ratio, ratio
from benchmarks.processes import Process
from benchmarks.rows import Row, save
from benchmarks.valkey import ValkeyServer
from benchmarks.waiting import wait_until
from cli.ports import any_free
from tests.support.tools import tool

SECRET = "0123456789abcdef" * 4
PROMPT = ("Explain the sentiment of AAPL to a careful reader, in plain words. " * 4)[:200]
#: At least this part of no-op's throughput, less than so many times its p99.
LEAST_SHARE, MOST_TIMES_P99 = 0.60, 2.0
_WITHOUT_GOALS = {
    "leanest": "beside a no-op route without a thread, requests a second",
    "usual": "beside a route that calls apply_async, requests a second",
}


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
    return save("gateway", settings, _rows(runs), runs=_as_measured(runs))


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
        for name in ("noop", "leanest", "usual"):
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


def _rows(runs: Mapping[str, list[Load]]) -> list[Row]:
    """Requests a second and p99 beside each peer; only the no-op has goals."""
    ours, noop = runs["ours"], runs["noop"]
    share, slower = _rate(ours, noop), _ratio("p99_ms", ours, noop)
    return [
        Row(
            "POST /generate with everything on, beside a no-op route, requests a second",
            _shown(ours),
            _shown(noop),
            share,
            f">= {LEAST_SHARE:.2f}",
            share.median >= LEAST_SHARE,
        ),
        Row(
            "its p99 beside the no-op's",
            f"{_median('p99_ms', ours):.1f} ms",
            f"{_median('p99_ms', noop):.1f} ms",
            slower,
            f"< {MOST_TIMES_P99:g}",
            slower.median < MOST_TIMES_P99,
        ),
        *(
            Row(what, _shown(ours), _shown(runs[name]), _rate(ours, runs[name]), "", met=True)
            for name, what in _WITHOUT_GOALS.items()
        ),
    ]


def _shown(loads: Sequence[Load]) -> str:
    rate, p50 = _median("per_second", loads), _median("p50_ms", loads)
    return f"{rate:.0f} a second, p50 {p50:.1f} ms"


def _median(what: str, loads: Sequence[Load]) -> float:
    return float(median(getattr(load, what) for load in loads))


def _rate(ours: Sequence[Load], theirs: Sequence[Load]) -> Ratio:
    return _ratio("per_second", ours, theirs)


def _ratio(what: str, ours: Sequence[Load], theirs: Sequence[Load]) -> Ratio:
    return ratio([getattr(load, what) for load in ours], [getattr(load, what) for load in theirs])


def _as_measured(runs: Mapping[str, list[Load]]) -> dict[str, list[dict[str, Any]]]:
    return {name: [asdict(load) for load in loads] for name, loads in runs.items()}


if __name__ == "__main__":
    sys.exit(main())
