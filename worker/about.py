"""What a worker says of itself with every beat: read by /readyz, /status and /model/info."""

import json
import os
import socket
import uuid
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum

from common.scripts import Argument
from worker.host import host_id
from worker.metrics import WorkerMetrics
from worker.model import Model
from worker.settings import WorkerSettings


class WorkerState(StrEnum):
    """Whether a worker takes jobs."""

    LOADING = "loading"
    MODEL_MISSING = "model_missing"
    READY = "ready"
    DRAINING = "draining"


class About:
    """The fields of the worker's hash in Redis."""

    def __init__(self, settings: WorkerSettings, metrics: WorkerMetrics, metrics_port: int) -> None:
        self.worker_id = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._host = host_id()
        self._settings = settings
        self._metrics = metrics
        self._metrics_port = metrics_port
        self._state = WorkerState.LOADING
        self._error = ""
        self._model: Model | None = None

    def change(self, state: WorkerState, error: str = "") -> None:
        """Move to another state."""
        self._state, self._error = state, error

    def loaded(self, model: Model) -> None:
        """The model is there: jobs are taken."""
        self._model = model
        self.change(WorkerState.READY)

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
            "busy": self._model.engine.busy_slots() if self._model else 0,
            "tokens_per_second": round(self._metrics.speedometer.per_second(), 3),
        }
        if self._model:
            fields["info"] = json.dumps(self._info(self._model))
        return fields

    def _info(self, model: Model) -> dict[str, object]:
        return {
            **asdict(model.engine.info()),
            "loaded_at": datetime.fromtimestamp(model.loaded_at, UTC).isoformat(),
            "tokens_per_second": self._metrics.generation_speed,
            "requests": self._metrics.requests,
            "settings": self._settings.shown(),
            "manifest": dict(model.artifact.manifest) if model.artifact else None,
        }
