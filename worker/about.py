"""What a worker says of itself with every beat: read by /readyz, /status and /model/info."""

import json
import os
import socket
import uuid
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum

from common.scripts import Argument
from worker.breaker import Breaker
from worker.host import host_id
from worker.instruments.gpu import gpu_memory
from worker.metrics import WorkerMetrics
from worker.model import Model
from worker.mount import Mount
from worker.settings import WorkerSettings


class WorkerState(StrEnum):
    """Whether a worker takes jobs."""

    LOADING = "loading"
    MODEL_MISSING = "model_missing"
    READY = "ready"
    RELOADING = "reloading"  #: running jobs end, then the model is loaded again
    BROKEN = "broken"  #: the engine failed; see the circuit breaker
    DRAINING = "draining"


class About:
    """The fields of the worker's hash in Redis."""

    def __init__(
        self,
        settings: WorkerSettings,
        metrics: WorkerMetrics,
        metrics_port: int,
        mount: Mount,
        breaker: Breaker,
    ) -> None:
        self.worker_id = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._host = host_id()
        self._settings = settings
        self._metrics = metrics
        self._metrics_port = metrics_port
        self._mount = mount
        self._breaker = breaker
        self._state = WorkerState.LOADING
        self._error = ""
        self.command = ""  #: the id of the last command obeyed
        self.warmup_seconds = 0.0  #: what the last warm-up took

    @property
    def state(self) -> WorkerState:
        """Whether the worker takes jobs."""
        return self._state

    def change(self, state: WorkerState, error: str = "") -> None:
        """Move to another state; who drains has no way back."""
        if self._state is not WorkerState.DRAINING:
            self._state, self._error = state, error

    def fields(self) -> dict[str, Argument]:
        """Field -> value, as the beat script takes them."""
        fields: dict[str, Argument] = {
            "kind": "inference",
            "state": self._state.value,
            "error": self._error,
            "pid": os.getpid(),
            "host": self._host,
            "metrics_port": self._metrics_port,
            "slots": self._settings.max_concurrent_requests,
            "busy": self._mount.busy_slots(),
            "breaker": self._breaker.circuit.state.value,
            "command": self.command,
            "warmup_seconds": round(self.warmup_seconds, 3),
            "tokens_per_second": round(self._metrics.tokens.speedometer.per_second(), 3),
            "tokens_generated": self._metrics.tokens.generated,
            "gpu_memory": json.dumps(gpu_memory(self._metrics.gpus.read())),
        }
        model = self._mount.model
        if model:
            fields["info"] = json.dumps(self._info(model))
        return fields

    def _info(self, model: Model) -> dict[str, object]:
        return {
            **asdict(model.engine.info()),
            "source": model.source,
            "loaded_at": datetime.fromtimestamp(model.loaded_at, UTC).isoformat(),
            "tokens_per_second": self._metrics.tokens.generation_speed,
            "requests": self._metrics.jobs.ended,
            "settings": {**self._settings.shown(), "model_path": model.source},
            "manifest": dict(model.artifact.manifest) if model.artifact else None,
        }
