"""The engine: its slots, its memory, its health, and how it was loaded."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from worker.engines.base import EngineError, EngineInfo

_LOAD = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_ABOUT = ("engine", "model", "quantization", "device", "context_size", "gpu_layers")


class EngineInstruments:
    """What is loaded, and how it does."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._busy = Gauge("llama_slots_busy", "Slots that generate.", registry=registry)
        self._slots = Gauge("llama_slots", "Slots of the engine.", registry=registry)
        self._ready = Gauge(
            "llama_worker_ready", "Whether this worker takes jobs.", registry=registry
        )
        self._progress = Gauge(
            "llama_worker_last_progress_timestamp_seconds",
            "When the engine last moved; now, if it has nothing to do.",
            registry=registry,
        )
        self._memory = Gauge(
            "llama_model_memory_usage_bytes",
            "Memory of the loaded model.",
            ("model", "precision"),
            registry=registry,
        )
        self._info = Gauge("llama_engine_info", "The loaded model.", _ABOUT, registry=registry)
        self._errors = Counter(
            "llama_engine_errors_total",
            "Generations that the engine failed.",
            ("error",),
            registry=registry,
        )
        self._loads = Counter(
            "llama_model_loads_total",
            "Tries to load a model.",
            ("cause", "outcome"),
            registry=registry,
        )
        self._load_seconds = Histogram(
            "llama_model_load_seconds",
            "How long a model took to load and warm up.",
            buckets=_LOAD,
            registry=registry,
        )
        self._circuit = Gauge(
            "llama_circuit_breaker_state", "0: closed, 1: half-open, 2: open.", registry=registry
        )
        self._opened = Counter(
            "llama_circuit_breaker_opened_total",
            "Times the circuit breaker opened.",
            registry=registry,
        )

    def watch(
        self,
        busy: Callable[[], int],
        circuit: Callable[[], int],
        ready: Callable[[], bool],
        last_step: Callable[[], float],
    ) -> None:
        """Read these at scrape time; ``last_step`` is by ``time.monotonic()``."""
        self._busy.set_function(busy)
        self._circuit.set_function(circuit)
        self._ready.set_function(ready)
        self._progress.set_function(lambda: time.time() - (time.monotonic() - last_step()))

    def loaded(self, info: EngineInfo) -> None:
        """A model was loaded in the place of any other."""
        self._slots.set(info.slots)
        self._memory.clear()
        self._memory.labels(info.model_name, info.quantization).set(info.memory_bytes or 0)
        self._info.clear()
        layers = "" if info.gpu_layers is None else info.gpu_layers
        about = (info.engine, info.model_name, info.quantization, info.device, info.context_size)
        self._info.labels(*about, layers).set(1)

    def tried(self, cause: str, seconds: float, *, loaded: bool) -> None:
        """A model was to be loaded."""
        self._loads.labels(cause, "loaded" if loaded else "failed").inc()
        if loaded:
            self._load_seconds.observe(seconds)

    def failed(self, error: EngineError) -> None:
        """A generation failed."""
        self._errors.labels(type(error).__name__).inc()

    def broke(self) -> None:
        """The circuit breaker opened."""
        self._opened.inc()
