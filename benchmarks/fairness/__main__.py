"""``python -m benchmarks.fairness``: a quiet user alone, beside a noisy one, and in one line with it."""

import asyncio
import contextlib
import random
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import httpx

from benchmarks.chaos.service import Service
from benchmarks.fairness.report import markdown, rows, summaries
from benchmarks.fairness.settings import FairnessBenchSettings
from benchmarks.fairness.users import ask_quietly, noise
from benchmarks.rows import REPORTS, save
from benchmarks.valkey import ValkeyServer
from quantization.measure.machine import machine

ALONE = "alone"
BESIDE = "beside 100 equal jobs"
#: How much longer the noisy user's jobs are there.
LONGER = 4
BESIDE_LONGER = f"beside 100 jobs {LONGER} times as long"
IN_LINE = "first come, first served"

Headers = Mapping[str, str]


def main() -> int:
    """Measure, save and print; exit status 1 if the promise is broken."""
    settings = FairnessBenchSettings()
    directory = Path(tempfile.mkdtemp(prefix="fairness-bench-"))
    valkey = ValkeyServer(directory)
    valkey.start()
    service = Service(directory, valkey, ECHO_TOKENS_PER_SECOND=str(settings.tokens_per_second))
    try:
        service.start(workers=1)
        took = asyncio.run(_measure(service, settings))
    finally:
        service.stop()
        shutil.rmtree(directory, ignore_errors=True)
    found = summaries(took)
    (REPORTS / "fairness.md").write_text(markdown(settings, machine(), found))
    seconds = {name: [round(one, 4) for one in values] for name, values in took.items()}
    return save("fairness", settings, rows(found), seconds=seconds)


async def _measure(service: Service, settings: FairnessBenchSettings) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {ALONE: [], BESIDE: [], BESIDE_LONGER: [], IN_LINE: []}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=service.base_url, timeout=120, trust_env=False, limits=limits
    ) as client:
        noisy = {"Authorization": f"Bearer {service.token()}"}
        quiet = await _new_user(client, noisy)
        for number in range(settings.pairs):
            for variant in took:
                chance = random.Random(number)
                seconds = await _run(client, settings, variant, (quiet, noisy), chance)
                took[variant] += seconds
                sys.stderr.write(f"{variant}: {max(seconds):.2f} s at most\n")
    return took


async def _new_user(client: httpx.AsyncClient, admin: Headers) -> dict[str, str]:
    """Create a user; headers with their token."""
    body = {"username": "quiet@example.com", "password": "a long and quiet password"}
    (await client.post("/admin/users", json=body, headers=admin)).raise_for_status()
    answer = (await client.post("/auth/login", json=body)).raise_for_status()
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def _run(
    client: httpx.AsyncClient,
    settings: FairnessBenchSettings,
    variant: str,
    users: tuple[Headers, Headers],
    chance: random.Random,
) -> list[float]:
    quiet, noisy = users
    tokens = settings.tokens * (LONGER if variant == BESIDE_LONGER else 1)
    async with contextlib.AsyncExitStack() as stack:
        if variant != ALONE:
            await stack.enter_async_context(noise(client, noisy, settings, tokens))
        if variant == IN_LINE:
            return await ask_quietly(client, noisy, settings, settings.fifo_requests, chance)
        return await ask_quietly(client, quiet, settings, settings.requests, chance)


if __name__ == "__main__":
    sys.exit(main())
