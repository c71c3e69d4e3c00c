"""Those who wait for an answer: requests at random moments, each timed."""

import asyncio
import random
import time
from collections.abc import Iterator

import httpx

from benchmarks.batch.settings import BatchBenchSettings


class Busy(Exception):
    """A request was not answered; what was measured beside it is worth nothing."""


async def ask_at_random(
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
