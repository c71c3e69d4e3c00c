"""``python -m benchmarks.footprint``: memory of gateway and webhook worker, and starts.

With the default model: its tokenizer in the gateway, its weights in the worker. Each is started
several times; the first start fills the page cache and is left out. The gateway runs with what
its container has installed, and once more with all that is installed here.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import httpx
from pydantic import Field
from pydantic_settings import BaseSettings

from benchmarks.chaos.service import ROOT, Service
from benchmarks.footprint.image import link_packages
from benchmarks.resources import used
from benchmarks.rows import Row, save
from benchmarks.valkey import ValkeyServer
from benchmarks.waiting import wait_until
from common import keys
from common.artifact import resolve_model
from common.settings import EngineName

PROMPT = "Explain in one sentence what the implied volatility of an option says about its price."
#: MB resident after work, and seconds from the start of the program until it is ready.
GATEWAY_MB, WEBHOOKS_MB, GATEWAY_SECONDS, LLAMACPP_SECONDS = 120, 100, 2.0, 5.0


class FootprintSettings(BaseSettings):
    """Read from the environment, as FOOTPRINT_STARTS and so on."""

    model_config = {"env_prefix": "FOOTPRINT_"}

    starts: int = Field(4, ge=1, description="of each process, after the one that warms up")
    requests: int = Field(1000, ge=1, description="submits before memory is read once more")


@dataclass
class Seen:
    """What the starts of one process took: seconds until it was ready, and MB then."""

    seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)

    def note(self, seconds: float, pid: int) -> None:
        """One more start."""
        self.seconds.append(seconds)
        self.megabytes.append(resident(pid))


class ImageService(Service):
    """A service whose gateway finds only the packages of its container."""

    def __init__(self, directory: Path, valkey: ValkeyServer, **settings: str) -> None:
        super().__init__(directory, valkey, **settings)
        packages = directory / "packages"
        link_packages(packages)
        self._environment["PYTHONPATH"] = f"{ROOT}{os.pathsep}{packages}"

    def _python(self, name: str) -> list[str]:
        outside = [sys._base_executable, "-s", "-S"]  # type: ignore[attr-defined]  # noqa: SLF001
        return outside if name == "gateway" else super()._python(name)


def main() -> int:
    """Measure, save and print; exit status 1 where a goal is missed."""
    settings = FootprintSettings()
    with tempfile.TemporaryDirectory(prefix="footprint-") as name:
        directory = Path(name)
        valkey = ValkeyServer(directory)
        valkey.start()
        model = str(resolve_model(None, EngineName.LLAMACPP, ROOT / "var"))
        service = ImageService(directory, valkey, ENGINE="llamacpp", MODEL=model)
        here = Service(directory, valkey, ENGINE="llamacpp", MODEL=model)
        try:
            webhooks = _worker(service, "webhooks", settings)
            llamacpp = _worker(service, "inference", settings)
            developers, _ = _gateway(here, settings.model_copy(update={"starts": 1}))
            here.gateway.stop()
            gateway, after_work = _gateway(service, settings)
        finally:
            service.stop()
    rows = _rows(gateway, after_work, webhooks, llamacpp)
    at_rest = f"{median(developers.megabytes):.0f} MB"
    note = "gateway, with all that developers install, resident after start"
    return save("footprint", settings, [*rows, Row(note, at_rest, "", None, "", met=True)])


def _gateway(service: Service, settings: FootprintSettings) -> tuple[Seen, float]:
    """Its starts, and what it holds after many submits."""
    seen = Seen()
    for turn in range(settings.starts + 1):
        began = time.perf_counter()
        service.start_gateway()
        wait_until(lambda: _is_ready(service), 60, "the gateway's readiness")
        if turn:
            seen.note(time.perf_counter() - began, service.gateway.pid)
        if turn < settings.starts:
            service.gateway.stop()
    _submit(service, settings.requests)
    return seen, resident(service.gateway.pid)


def _is_ready(service: Service) -> bool:
    try:
        return httpx.get(f"{service.base_url}/readyz", trust_env=False).is_success
    except httpx.TransportError:
        return False


def _submit(service: Service, count: int) -> None:
    head = {"Authorization": f"Bearer {service.token()}"}
    with httpx.Client(base_url=service.base_url, headers=head, trust_env=False) as client:
        for _ in range(count):
            client.post("/generate", json={"prompt": PROMPT}).raise_for_status()


def _worker(service: Service, role: str, settings: FootprintSettings) -> Seen:
    """The starts of a worker."""
    seen = Seen()
    for turn in range(settings.starts + 1):
        before = _ready(service)
        began = time.perf_counter()
        worker = service.start_worker(f"{role}-{turn}", role)
        wait_until(_another(before, service), 120, f"a ready {role} worker")
        if turn:
            seen.note(time.perf_counter() - began, worker.pid)
        worker.stop()  # it takes itself off the list of workers
    return seen


def _ready(service: Service) -> set[str]:
    """The names of the workers that say that they are ready; the dead say so for a while."""
    names = {str(name) for name in service.redis.zrange(keys.WORKERS, 0, -1)}
    return {name for name in names if service.redis.hget(keys.worker(name), "state") == "ready"}


def _another(before: set[str], service: Service) -> Callable[[], bool]:
    return lambda: bool(_ready(service) - before)


def resident(pid: int) -> float:
    """Resident memory in MB."""
    return used(pid).rss / 1e6


def _rows(gateway: Seen, after_work: float, webhooks: Seen, llamacpp: Seen) -> list[Row]:
    at_rest = median(gateway.megabytes)
    return [
        _row("gateway, resident after start", f"{at_rest:.0f} MB", at_rest, GATEWAY_MB, "MB"),
        _row("gateway, after 1,000 submits", f"{after_work:.0f} MB", after_work, GATEWAY_MB, "MB"),
        _row(
            "webhook worker, resident after start",
            f"{median(webhooks.megabytes):.0f} MB",
            median(webhooks.megabytes),
            WEBHOOKS_MB,
            "MB",
        ),
        _start("gateway", gateway, GATEWAY_SECONDS),
        _start("llamacpp worker", llamacpp, LLAMACPP_SECONDS),
    ]


def _start(what: str, seen: Seen, goal: float) -> Row:
    took = median(seen.seconds)
    shown = f"{took:.2f} s ({min(seen.seconds):.2f} to {max(seen.seconds):.2f})"
    return _row(f"{what}, start to ready", shown, took, goal, "s")


def _row(what: str, shown: str, found: float, most: float, unit: str) -> Row:
    return Row(what, shown, "", None, f"< {most:g} {unit}", found < most)


if __name__ == "__main__":
    sys.exit(main())
