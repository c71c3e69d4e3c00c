"""``python -m benchmarks.batch``: what a batch of 5,000 lines costs those who wait for an answer.

The same interactive requests, at the same moments, are sent with and without a batch beside
them, alternately, so that what else the machine does falls on both alike. The engine is echo.
"""

import asyncio
import random
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx

from benchmarks.batch.load import Busy, ask_at_random
from benchmarks.batch.report import ALLOWED, Run, markdown, row, summary
from benchmarks.batch.settings import BatchBenchSettings
from benchmarks.chaos.service import Service
from benchmarks.percentile import percentile
from benchmarks.rows import REPORTS, save
from benchmarks.valkey import ValkeyServer
from quantization.measure.machine import machine


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
    found = [summary(name, allowed, runs) for name, allowed in ALLOWED.items()]
    (REPORTS / "batch.md").write_text(markdown(settings, machine(), found))
    rows = [row(one) for one in found]
    return save("batch", settings, rows, runs=[asdict(run) for run in runs])


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
        await ask_at_random(client, settings, random.Random(0), seconds=5)  # warms everything up
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
        took = await ask_at_random(client, settings, random.Random(pair), settings.seconds)
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


if __name__ == "__main__":
    sys.exit(main())
