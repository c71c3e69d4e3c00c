"""What every process measures of itself: its version, its calls of Redis, disk, CPU, memory."""

import shutil
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from common.logs import trace_id

_CALL = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5)


def service_version() -> str:
    """The version of this service."""
    try:
        return version("caravan")
    except PackageNotFoundError:
        return "0.0.0"


def exemplar() -> dict[str, str] | None:
    """The trace that the current work belongs to, for an observation of a histogram."""
    trace = trace_id.get()
    return {"trace_id": trace} if trace else None


class ProcessInstruments:
    """On a registry of the process's own; ``state_dir`` is where its files are."""

    def __init__(self, registry: CollectorRegistry, state_dir: Path) -> None:
        build = Gauge("llama_build_info", "Always 1.", ["version"], registry=registry)
        build.labels(service_version()).set(1)
        self.calls = CallInstruments(registry)
        registry.register(_Disk(state_dir))
        ProcessCollector(registry=registry)


class CallInstruments:
    """Round trips to Redis that run our scripts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "llama_redis_call_duration_seconds",
            "Round trips to Redis that run our scripts.",
            buckets=_CALL,
            registry=registry,
        )
        self._errors = Counter(
            "llama_redis_errors_total", "Round trips that failed.", registry=registry
        )

    def timed(self) -> "_Timed":
        """Around a round trip."""
        return _Timed(self)

    def took(self, seconds: float, error: type[BaseException] | None) -> None:
        """A round trip ended so."""
        if error is None:
            self._seconds.observe(seconds)
        elif issubclass(error, RedisError):
            self._errors.inc()


class _Timed:
    """One round trip; a class, since a generator would cost as much as the rest together."""

    __slots__ = ("_began", "_calls")

    def __init__(self, calls: CallInstruments) -> None:
        self._calls = calls

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(
        self,
        error: type[BaseException] | None,
        _: BaseException | None,
        __: TracebackType | None,
    ) -> None:
        self._calls.took(time.perf_counter() - self._began, error)


class _Disk(Collector):
    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir

    def collect(self) -> Iterator[Metric]:
        free = GaugeMetricFamily("llama_state_disk_free_bytes", "Free where STATE_DIR is.")
        size = GaugeMetricFamily("llama_state_disk_size_bytes", "Size of that file system.")
        try:
            disk = shutil.disk_usage(self._state_dir)
        except OSError:
            pass  # no such place yet: nothing to say
        else:
            free.add_metric([], disk.free)
            size.add_metric([], disk.total)
        yield from (free, size)
