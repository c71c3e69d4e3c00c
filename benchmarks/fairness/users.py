"""The two users: one who asks and waits, one who keeps a pile of jobs waiting."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Mapping

import httpx

from benchmarks.fairness.settings import FairnessBenchSettings

PROMPT = "The quick brown fox jumps over the lazy dog"
#: Seconds between two looks at the pile.
LOOK_SECONDS = 0.2


class Answerless(Exception):
    """A request was not answered; what was measured beside it is worth nothing."""


async def ask(client: httpx.AsyncClient, headers: Mapping[str, str], tokens: int) -> float:
    """One request; seconds until its whole answer. Raises Answerless."""
    began = time.perf_counter()
    body = {"prompt": PROMPT, "max_tokens": tokens}
    answer = await client.post("/generate", json=body, headers={**headers, "Prefer": "wait=60"})
    if answer.status_code != httpx.codes.OK:
        raise Answerless(answer.text)
    return time.perf_counter() - began


async def ask_quietly(
    client: httpx.AsyncClient,
    headers: Mapping[str, str],
    settings: FairnessBenchSettings,
    count: int,
    chance: random.Random,
) -> list[float]:
    """One request after the other, with pauses; seconds that each took."""
    took = []
    for _ in range(count):
        await asyncio.sleep(chance.expovariate(1 / settings.think_seconds))
        took.append(await ask(client, headers, settings.tokens))
    return took


@contextlib.asynccontextmanager
async def noise(
    client: httpx.AsyncClient,
    headers: Mapping[str, str],
    settings: FairnessBenchSettings,
    tokens: int,
) -> AsyncIterator[None]:
    """A user whose pile is never lower than it was; it is taken away in the end."""
    body = {"prompt": PROMPT, "max_tokens": tokens}
    jobs: list[str] = []

    async def submit(count: int) -> None:
        for _ in range(count):
            answer = (await client.post("/generate", json=body, headers=headers)).json()
            jobs.append(str(answer["id"]))

    async def keep() -> None:
        while True:
            listed = await client.get("/jobs?status=queued&limit=100", headers=headers)
            await submit(max(0, settings.waiting - len(listed.json()["data"])))
            await asyncio.sleep(LOOK_SECONDS)

    await submit(settings.waiting)
    keeping = asyncio.create_task(keep())
    try:
        yield
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
        for job_id in reversed(jobs):
            await client.delete(f"/jobs/{job_id}", headers=headers)
