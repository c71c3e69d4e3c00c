"""The gateway with a crowd before it: first nothing happens, then the jobs run."""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.chaos.service import Service
from benchmarks.chaos.settings import inherited
from benchmarks.crowd.clients import Poll, Stream
from benchmarks.crowd.crowd import Crowd, submit
from benchmarks.crowd.ear import GOODBYE
from benchmarks.crowd.settings import CrowdBenchSettings
from benchmarks.crowd.tally import Heard
from benchmarks.processes import Process
from benchmarks.resources import Used, used
from benchmarks.valkey import ValkeyServer
from common.keys import EVENTS_CHANNEL

ROOT = Path(__file__).parents[2]
#: Part of a core that a gateway uses in which everybody only waits.
QUIET_CPU = 0.1
#: Clients that come before anything is measured: what is made once is made then.
FIRST = 20
PATIENCE_SECONDS = 240


@dataclass(frozen=True, slots=True)
class Found:
    """What was seen of the gateway; ``idle`` and ``busy`` are CPU seconds."""

    kb_a_stream: float
    kb_a_poll: float
    rss_before: int
    rss_waiting: int
    idle_cpu_a_second: float
    busy_cpu: float
    busy_seconds: float
    store_clients: int


@dataclass(frozen=True, slots=True)
class Scene:
    """The running parts of a trial."""

    service: Service
    ear: Process
    heard_by_ear: Path

    def gateway(self) -> Used:
        """What the gateway uses now."""
        return used(self.service.gateway.pid)

    def published(self) -> dict[str, Any]:
        """What the ear heard, which hears nothing from now on."""
        self.service.redis.publish(EVENTS_CHANNEL, GOODBYE)
        self.ear.wait(30)
        found = json.loads(self.heard_by_ear.read_text())
        found["chunks"] = {
            job: {int(offset): at for offset, at in chunks.items()}
            for job, chunks in found["chunks"].items()
        }
        return dict(found)


@contextmanager
def running(settings: CrowdBenchSettings) -> Iterator[Scene]:
    """The gateway without a worker, and a bare subscriber."""
    with tempfile.TemporaryDirectory(prefix="crowd-bench-") as name:
        directory = Path(name)
        valkey = ValkeyServer(directory)
        valkey.start()
        service = Service(
            directory,
            valkey,
            ECHO_TOKENS_PER_SECOND=str(settings.tokens_per_second),
            MAX_CONCURRENT_REQUESTS=str(settings.slots),
            MAX_STREAMS_PER_USER="1000000",
        )
        out = directory / "ear.json"
        command = [sys.executable, "-m", "benchmarks.crowd.ear", valkey.url, str(out)]
        environment = inherited() | {"PYTHONPATH": str(ROOT)}
        ear = Process("ear", command, directory / "ear.log", environment)
        try:
            service.start(workers=0)
            yield Scene(service, ear, out)
        finally:
            ear.kill()
            service.stop()


async def trial(
    scene: Scene, settings: CrowdBenchSettings
) -> tuple[list[Heard], list[Heard], Found]:
    """What streams and long polls heard, and what was seen of the gateway."""
    token = scene.service.token()
    jobs = submit(scene.service.base_url, token, settings.jobs, settings.tokens)
    crowd = Crowd(scene.service.base_url, token, jobs)
    await crowd.come(Stream, FIRST)
    await crowd.come(Poll, FIRST)
    await _settle(scene)
    before = scene.gateway()
    streams = await crowd.come(Stream, settings.streams)
    await _settle(scene)
    with_streams = scene.gateway()
    polls = await crowd.come(Poll, settings.polls)
    await _settle(scene)
    waiting = scene.gateway()
    await asyncio.sleep(settings.idle_seconds)
    idle = scene.gateway()
    clients = int(scene.service.redis.info("clients")["connected_clients"])
    scene.service.start_worker("worker")
    began, busy = time.monotonic(), scene.gateway()
    await asyncio.wait_for(crowd.heard_all(), PATIENCE_SECONDS)
    ended, seconds = scene.gateway(), time.monotonic() - began
    crowd.leave()
    return (
        streams,
        polls,
        Found(
            kb_a_stream=(with_streams.rss - before.rss) / 1024 / settings.streams,
            kb_a_poll=(waiting.rss - with_streams.rss) / 1024 / settings.polls,
            rss_before=before.rss,
            rss_waiting=waiting.rss,
            idle_cpu_a_second=(idle.cpu_seconds - waiting.cpu_seconds) / settings.idle_seconds,
            busy_cpu=ended.cpu_seconds - busy.cpu_seconds,
            busy_seconds=seconds,
            store_clients=clients,
        ),
    )


async def _settle(scene: Scene) -> None:
    """Return once the gateway has taken in everybody: it uses next to no time of its own."""
    took = 1.0
    while took > QUIET_CPU:
        before = scene.gateway().cpu_seconds
        await asyncio.sleep(1)
        took = scene.gateway().cpu_seconds - before
