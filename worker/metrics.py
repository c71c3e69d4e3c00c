"""What each kind of worker measures, and the page that shows it."""

from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry
from redis.exceptions import RedisError

from common.census import Census
from common.exposition import PROCESS_SCOPE, render
from common.instruments import ProcessInstruments
from common.scripts import Scripts
from worker.connection import connect_impatiently
from worker.gpus import Gpus
from worker.instruments.engine import EngineInstruments
from worker.instruments.gpu import GpuCollector
from worker.instruments.jobs import JobInstruments
from worker.instruments.messages import MessageInstruments
from worker.instruments.sweeps import SweepInstruments
from worker.instruments.tokens import TokenInstruments

#: From ``scope`` of the query and the ``Accept`` header to a page and its content type.
Page = Callable[[str, str], tuple[bytes, str]]


class WorkerMetrics:
    """The instruments of one inference worker on a registry of its own."""

    def __init__(self, state_dir: Path = Path()) -> None:
        self.registry = CollectorRegistry()
        self.process = ProcessInstruments(self.registry, state_dir)
        self.jobs = JobInstruments(self.registry)
        self.messages = MessageInstruments(self.registry)
        self.tokens = TokenInstruments(self.registry)
        self.engine = EngineInstruments(self.registry)
        self.sweeps = SweepInstruments(self.registry)
        self.gpus = Gpus()
        self.registry.register(GpuCollector(self.gpus))


class MaintenanceMetrics:
    """The instruments of maintenance."""

    def __init__(self, state_dir: Path = Path()) -> None:
        self.registry = CollectorRegistry()
        self.process = ProcessInstruments(self.registry, state_dir)
        self.sweeps = SweepInstruments(self.registry)


def process_page(registry: CollectorRegistry) -> Page:
    """Only what this process counted."""
    return lambda _, accept: render([registry], accept)


def service_page(registry: CollectorRegistry, redis_url: str) -> Page:
    """That, and unless told otherwise what Redis says of the whole service."""
    scripts = Scripts(connect_impatiently(redis_url))

    def page(scope: str, accept: str) -> tuple[bytes, str]:
        if scope == PROCESS_SCOPE:
            return render([registry], accept)
        try:
            census = Census(scripts("census"))
        except RedisError:
            census = Census(None)
        return render([registry, census], accept)

    return page
