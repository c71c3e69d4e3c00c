"""Where the loaded model is mounted: everybody reaches it through here, so it can be swapped."""

import time
from dataclasses import asdict
from threading import Event

import structlog

from common.sampling import Sampling
from worker.engines.base import EngineBusy, EngineError, Generation, ModelUnavailable
from worker.model import Model

log = structlog.get_logger()

_LABEL = ("model_name", "quantization", "gpu_layers", "context_size")


class Mount:
    """Holds one model, or none while it is loaded."""

    def __init__(self) -> None:
        self.model: Model | None = None

    def take(self) -> Model:
        """The model. Raises ModelUnavailable while there is none."""
        if self.model is None:
            raise ModelUnavailable("no model is loaded")
        return self.model

    def clear(self) -> None:
        """Free the model; nobody may be using it."""
        model, self.model = self.model, None
        if model is None:
            return
        try:
            model.engine.close()
        except Exception:
            log.exception("the engine could not be closed")

    def label(self) -> dict[str, object]:
        """What a result says of its model."""
        if self.model is None:
            return {}
        info = asdict(self.model.engine.info())
        return {name: info[name] for name in _LABEL}

    def name(self) -> str:
        """The name of the model; empty while there is none."""
        model = self.model
        return model.engine.info().model_name if model else ""

    def busy_slots(self) -> int:
        """Slots that hold a generation right now."""
        model = self.model
        return model.engine.busy_slots() if model else 0

    def last_step(self) -> float:
        """When the engine last moved, by ``time.monotonic()``; now, if it has nothing to do."""
        model = self.model
        return model.engine.last_step() if model else time.monotonic()

    def responds(self) -> bool:
        """Whether the engine still makes tokens."""
        try:
            request = Generation(range(8), Sampling(max_tokens=4, temperature=0))
            self.take().engine.generate(request, lambda _: None, Event())
        except EngineBusy:
            return True
        except EngineError:
            return False
        except Exception:
            log.exception("the engine raised what it should not")
            return False
        return True
