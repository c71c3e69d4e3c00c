"""``python -m benchmarks.batch``: what a batch of 5,000 lines costs those who wait for an answer.

The same interactive requests, at the same moments, are sent with and without a batch beside
them, alternately, so that what else the machine does falls on both alike. The engine is echo.
"""

import asyncio
import json
import math
import os
import platform
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from pydantic import Field
from pydantic_settings import BaseSettings

from benchmarks.chaos.service import Service
from benchmarks.valkey import ValkeyServer

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks"
#: Part by which interactive p95 may grow.
ALLOWED = {"preemption": 0.10, "no preemption": 0.25}


class BatchBenchSettings(BaseSettings):
    """Read from the environment, as BATCH_BENCH_PAIRS and so on."""

    model_config = {"env_prefix": "BATCH_BENCH_"}

    pairs: int = Field(5, ge=1, description="runs with and without a batch")
    seconds: float = Field(40.0, gt=0, description="of interactive load in a run")
    lines: int = Field(5000, ge=1)
    line_tokens: int = Field(40, ge=1)
    request_tokens: int = Field(40, ge=1)
    tokens_per_second: int = Field(50, ge=1, description="of each of the three slots")
    load: float = Field(0.5, gt=0, lt=1, description="part of the slots that requests take")
    priority: str = "normal"


class Busy(Exception):
    """A request was not answered; what was measured beside it is worth nothing."""


@dataclass(frozen=True, slots=True)
class Run:
    """One stretch of interactive load; times in seconds from request to whole answer."""

    variant: str
    batch: bool
    pair: int
    requests: int
    p50: float
    p95: float
    lines_ended: int
    seconds: float
    took: list[float]


def main() -> int:
    """Measure, save and print; exit status 1 if a promise is broken."""
    settings = BatchBenchSettings()
    runs: list[Run] = []
    for variant, preemption in (("preemption", "true"), ("no preemption", "false")):
        directory = Path(tempfile.mkdtemp(prefix="batch-bench-"))
        service = Service(
            directory,
            _valkey(directory),
            PREEMPTION=preemption,
            ECHO_TOKENS_PER_SECOND=str(settings.tokens_per_second),
            MAX_QUEUE_SIZE="100",
        )
        try:
            service.start(workers=1)
            runs += asyncio.run(_measure(service, settings, variant))
        finally:
            service.stop()
            shutil.rmtree(directory, ignore_errors=True)
    report = _report(settings, runs)
    REPORT.mkdir(parents=True, exist_ok=True)
    (REPORT / "batch.json").write_text(json.dumps(report, indent=1) + "\n")
    (REPORT / "batch.md").write_text(_markdown(report))
    sys.stdout.write(_markdown(report))
    return 0 if all(one["held"] for one in report["variants"]) else 1


def _valkey(directory: Path) -> ValkeyServer:
    valkey = ValkeyServer(directory)
    valkey.start()
    return valkey


async def _measure(service: Service, settings: BatchBenchSettings, variant: str) -> list[Run]:
    headers = {"Authorization": f"Bearer {service.token()}"}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=service.base_url, headers=headers, timeout=120, trust_env=False, limits=limits
    ) as client:
        await _load(client, settings, random.Random(0), seconds=5)  # warms everything up
        runs = []
        for pair in range(settings.pairs):
            order = (False, True) if pair % 2 == 0 else (True, False)
            for batch in order:
                runs.append(await _repeated(client, settings, variant, pair, batch=batch))
                sys.stderr.write(f"{variant}, batch {batch}: p95 {runs[-1].p95:.2f} s\n")
        return runs


async def _repeated(
    client: httpx.AsyncClient,
    settings: BatchBenchSettings,
    variant: str,
    pair: int,
    *,
    batch: bool,
) -> Run:
    """A run; again, if the machine was so busy that the store did not answer in time."""
    for _ in range(4):
        try:
            return await _run(client, settings, variant, pair, batch=batch)
        except Busy as error:
            sys.stderr.write(f"repeated: {error}\n")
            await asyncio.sleep(5)
    raise RuntimeError("the machine is too busy to measure on")


async def _run(
    client: httpx.AsyncClient,
    settings: BatchBenchSettings,
    variant: str,
    pair: int,
    *,
    batch: bool,
) -> Run:
    batch_id = await _start_batch(client, settings) if batch else ""
    try:
        before = await _ended(client, batch_id)
        took = await _load(client, settings, random.Random(pair), settings.seconds)
        after = await _ended(client, batch_id)
    finally:
        if batch:
            await client.post(f"/batches/{batch_id}/cancel")
            await _wait(client, batch_id, "cancelled")
    p50, p95 = percentile(took, 0.5), percentile(took, 0.95)
    return Run(
        *(variant, batch, pair, len(took), p50, p95, after - before, settings.seconds),
        [round(one, 4) for one in took],
    )


async def _start_batch(client: httpx.AsyncClient, settings: BatchBenchSettings) -> str:
    prompts = [f"line {number} of the batch" for number in range(settings.lines)]
    body = {"prompts": prompts, "max_tokens": settings.line_tokens}
    answer = await client.post("/generate", json=body)
    batch_id = str(answer.raise_for_status().json()["id"])
    await _wait(client, batch_id, "in_progress")
    return batch_id


async def _wait(client: httpx.AsyncClient, batch_id: str, status: str) -> None:
    while (await _batch(client, batch_id))["status"] != status:  # noqa: ASYNC110 - over HTTP
        await asyncio.sleep(0.1)


async def _batch(client: httpx.AsyncClient, batch_id: str) -> dict[str, Any]:
    body: dict[str, Any] = (await client.get(f"/batches/{batch_id}")).raise_for_status().json()
    return body


async def _ended(client: httpx.AsyncClient, batch_id: str) -> int:
    return (await _batch(client, batch_id))["request_counts"]["completed"] if batch_id else 0


async def _load(
    client: httpx.AsyncClient, settings: BatchBenchSettings, chance: random.Random, seconds: float
) -> list[float]:
    """Requests at random moments (Poisson); how long each took."""
    began = time.perf_counter()
    tasks = []
    for moment in _arrivals(settings, chance, seconds):
        await asyncio.sleep(began + moment - time.perf_counter())
        tasks.append(asyncio.create_task(_ask(client, settings)))
    return list(await asyncio.gather(*tasks))


def _arrivals(
    settings: BatchBenchSettings, chance: random.Random, seconds: float
) -> Iterator[float]:
    slots = 3
    rate = settings.load * slots * settings.tokens_per_second / settings.request_tokens
    moment = chance.expovariate(rate)
    while moment < seconds:
        yield moment
        moment += chance.expovariate(rate)


async def _ask(client: httpx.AsyncClient, settings: BatchBenchSettings) -> float:
    body = {
        "prompt": "The quick brown fox jumps over the lazy dog",
        "max_tokens": settings.request_tokens,
        "priority": settings.priority,
    }
    began = time.perf_counter()
    answer = await client.post("/generate", json=body, headers={"Prefer": "wait=60"})
    if answer.json()["status"] != "completed":
        raise Busy(answer.text)
    return time.perf_counter() - began


def percentile(values: list[float], part: float) -> float:
    """The smallest value that is not below ``part`` of them."""
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]


def _report(settings: BatchBenchSettings, runs: list[Run]) -> dict[str, Any]:
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": {
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "load_average_15_min": round(os.getloadavg()[2], 1),
        },
        "settings": settings.model_dump(),
        "variants": [_variant(name, allowed, runs) for name, allowed in ALLOWED.items()],
        "runs": [asdict(run) for run in runs],
    }


def _variant(name: str, allowed: float, runs: list[Run]) -> dict[str, Any]:
    """Medians over the pairs; growth is of all requests of a kind together."""
    with_batch = [run for run in runs if run.variant == name and run.batch]
    without = [run for run in runs if run.variant == name and not run.batch]
    growth = {
        f"p{round(part * 100)}": percentile(_all(with_batch), part)
        / percentile(_all(without), part)
        - 1
        for part in (0.5, 0.95, 0.99)
    }
    pairs = zip(
        sorted(with_batch, key=lambda run: run.pair),
        sorted(without, key=lambda run: run.pair),
        strict=True,
    )
    return {
        "variant": name,
        "allowed": allowed,
        "held": growth["p95"] <= allowed,
        "requests": len(_all(without)),
        "p95_without": percentile(_all(without), 0.95),
        "p95_with": percentile(_all(with_batch), 0.95),
        "growth": growth,
        "p95_growth_of_pairs": [busy.p95 / quiet.p95 - 1 for busy, quiet in pairs],
        "lines_per_second": median(run.lines_ended / run.seconds for run in with_batch),
    }


def _all(runs: list[Run]) -> list[float]:
    return [seconds for run in runs for seconds in run.took]


def _markdown(report: dict[str, Any]) -> str:
    settings = report["settings"]
    rows = [
        f"| {one['variant']} | {one['p95_without']:.2f} s | {one['p95_with']:.2f} s "
        f"| {one['growth']['p95']:+.1%} | {one['allowed']:+.0%} | {one['growth']['p50']:+.1%} "
        f"| {', '.join(f'{pair:+.0%}' for pair in one['p95_growth_of_pairs'])} "
        f"| {one['lines_per_second']:.1f} |"
        for one in report["variants"]
    ]
    head = f"""# A batch beside those who wait

`python -m benchmarks.batch`, {report["date"]}, {report["machine"]["cores"]} cores. Echo engine, three
slots of {settings["tokens_per_second"]} tokens/s. Requests of {settings["request_tokens"]} tokens and priority
`{settings["priority"]}` come at random moments (Poisson) and take {settings["load"]:.0%} of the slots; the batch has
{settings["lines"]} lines of {settings["line_tokens"]} tokens. {settings["pairs"]} runs of {settings["seconds"]:.0f} s with and as many without the batch, in turns, with the
same moments in both; p95 from request to whole answer, over the {report["variants"][0]["requests"]} requests of a kind.

| | p95 without | p95 with | p95 grows by | allowed | p50 grows by | p95 of each pair | lines/s beside |
|---|---|---|---|---|---|---|---|
"""
    tail = f"""
The load average of the machine was {report["machine"]["load_average_15_min"]} in the last 15 minutes. A pair has too few requests
beyond its p95 to be judged alone; the growth is that of all requests together.
"""
    return head + "\n".join(rows) + "\n" + tail


if __name__ == "__main__":
    sys.exit(main())
