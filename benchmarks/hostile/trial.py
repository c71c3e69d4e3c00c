"""Good clients, the bad ones beside them, and turns of each."""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import uvloop

from benchmarks.chaos.service import Service
from benchmarks.chaos.settings import inherited
from benchmarks.hostile.settings import HostileBenchSettings
from benchmarks.hostile.wire import Line, head, written
from benchmarks.percentile import percentile
from benchmarks.processes import Process
from benchmarks.resources import used
from benchmarks.valkey import ValkeyServer
from benchmarks.waiting import wait_until
from cli.ports import any_free

ROOT = Path(__file__).parents[2]
PROMPT = ("Explain the sentiment of AAPL to a careful reader, in plain words. " * 4)[:200]
ALONE, BESIDE_GOOD, BESIDE_BAD = "alone", "beside as many good", "beside as many bad"


@dataclass(slots=True)
class Turn:
    """What good clients waited, in seconds, sorted; and the gateway's CPU seconds."""

    waits: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0
    deeds: Counter[str] = field(default_factory=Counter)

    def ms(self, percent: float) -> float:
        """A percentile of the waits."""
        return 1e3 * percentile(self.waits, percent / 100)


class Good:
    """Good clients: submit, and wait for the end in the same request."""

    def __init__(self, url: str, token: str, tokens: int) -> None:
        self._port = urlsplit(url).port or 0
        self._head = head("POST", "/generate", token, "prefer: wait=30")
        self._body = written({"prompt": PROMPT, "max_tokens": tokens})
        self._free: list[Line] = []

    async def turn(self, seconds: float, per_second: float) -> list[float]:
        """Ask at random moments, so many times a second; what each waited, sorted."""
        until, asking = time.monotonic() + seconds, []
        while time.monotonic() < until:
            asking.append(asyncio.create_task(self._ask()))
            await asyncio.sleep(random.expovariate(per_second))
        return sorted(await asyncio.gather(*asking))

    async def _ask(self) -> float:
        line = self._free.pop() if self._free else await Line.open(self._port)
        began = time.perf_counter()
        status, answer = await line.ask(self._head, self._body)
        waited = time.perf_counter() - began
        if status != httpx.codes.OK:
            raise RuntimeError(f"a good client was refused: {answer[:300]!r}")
        self._free.append(line)
        return waited


class Trial:
    """The running parts, and turns of three kinds."""

    def __init__(self, service: Service, settings: HostileBenchSettings, directory: Path) -> None:
        self._service = service
        self._settings = settings
        self._directory = directory
        self._token = service.token()
        self._others = [_user(service, name, 1_000_000) for name in ("busy", "bad")]
        self._flooder = _user(service, "flooder", 10)

    def turn(self, kind: str) -> Turn:
        """One turn."""
        pid, before = self._service.gateway.pid, used(self._service.gateway.pid)
        if kind == BESIDE_BAD:
            with self._bad() as out:
                before = used(pid)
                turn = Turn(uvloop.run(self._good(1)))
                turn.cpu_seconds = used(pid).cpu_seconds - before.cpu_seconds
            turn.deeds = Counter(json.loads(out.read_text()))
            return turn
        turn = Turn(uvloop.run(self._good(2 if kind == BESIDE_GOOD else 1)))
        turn.cpu_seconds = used(pid).cpu_seconds - before.cpu_seconds
        return turn

    async def _good(self, times: int) -> list[float]:
        one = self._settings
        good = Good(self._service.base_url, self._token, one.tokens)
        return await good.turn(one.seconds, times * one.per_second)

    @contextmanager
    def _bad(self) -> Iterator[Path]:
        out = self._directory / "bad.json"
        out.unlink(missing_ok=True)
        port = urlsplit(self._service.base_url).port
        program = [sys.executable, "-m", "benchmarks.hostile.bad", str(port)]
        program += [self._others[1], self._flooder, str(self._settings.per_second), str(out)]
        environment = inherited() | {"PYTHONPATH": str(ROOT)}
        process = Process("bad", program, self._directory / "bad.log", environment)
        try:
            wait_until(out.exists, 30, "the first bad requests")
            yield out
        finally:
            process.stop()


def in_turn(trial: Trial, rounds: int) -> dict[str, list[Turn]]:
    """The turns of each kind; the first round warms up and is left out."""
    turns: dict[str, list[Turn]] = {ALONE: [], BESIDE_BAD: [], BESIDE_GOOD: []}
    for number in range(rounds + 1):
        for kind, found in turns.items():
            turn = trial.turn(kind)
            if number:
                found.append(turn)
    return turns


@contextmanager
def running(directory: Path, settings: HostileBenchSettings) -> Iterator[Service]:
    """The product, with a stub for its model and a real tokenizer."""
    valkey = ValkeyServer(directory)
    valkey.start()
    port = any_free()
    program = [sys.executable, "-m", "benchmarks.hostile.upstream", str(port)]
    environment = inherited() | {"PYTHONPATH": str(ROOT)}
    upstream = Process("upstream", program, directory / "upstream.log", environment)
    service = Service(
        directory,
        valkey,
        ENGINE="openai",
        UPSTREAM_URL=f"http://127.0.0.1:{port}",
        MODEL=str(settings.model.resolve()),
        PROMPT_GUARD="flag",
    )
    try:
        service.start(workers=1)
        yield service
    finally:
        upstream.kill()
        service.stop()


def _user(service: Service, name: str, per_minute: int) -> str:
    """Make a user with a rate limit; an access token of theirs."""
    body = {"username": name, "password": "a long sentence", "rate_limit_per_minute": per_minute}
    with httpx.Client(base_url=service.base_url, trust_env=False) as client:
        client.headers["Authorization"] = f"Bearer {service.token()}"
        client.post("/admin/users", json=body).raise_for_status()
        del client.headers["Authorization"]
        login = {"username": name, "password": "a long sentence"}
        answer = client.post("/auth/login", json=login).raise_for_status()
    return str(answer.json()["access_token"])
