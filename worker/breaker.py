"""The circuit breaker: keeps jobs away from an engine that is broken.

A generation that fails may be the job's fault or the engine's. So the engine is asked for a
few tokens without the job: if these fail too, or if generations fail in a row, the circuit
opens. It closes when the model was loaded and warmed again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from threading import Lock

import structlog

from worker.engines.base import EngineBusy, EngineError, ModelUnavailable, RequestRefused

log = structlog.get_logger()

#: The first pause between two reloads; each further one is twice as long.
BASE_SECONDS = 1.0
#: No pause is longer.
MAX_SECONDS = 10.0
#: A pause varies by this part of itself.
JITTER = 0.2


class CircuitState(StrEnum):
    """Whether jobs reach the engine; declared from best to worst."""

    CLOSED = "closed"  #: they do
    HALF_OPEN = "half_open"  #: the model is being loaded and warmed again
    OPEN = "open"  #: they do not

    @property
    def level(self) -> int:
        """As the gauge shows it: 0, 1 or 2."""
        return list(CircuitState).index(self)


@dataclass(frozen=True, slots=True)
class Circuit:
    """The decisions, without clock or engine; each event returns the next circuit."""

    limit: int  #: generations that may fail in a row
    state: CircuitState = CircuitState.CLOSED
    errors: int = 0  #: generations that failed in a row
    reloads: int = 0  #: reloads that failed since it opened

    def succeeded(self) -> "Circuit":
        """A generation ended well."""
        return replace(self, errors=0)

    def failed(self, *, broken: bool) -> "Circuit":
        """A generation failed; ``broken`` if the engine does not answer without it either."""
        errors = self.errors + 1
        if self.state is CircuitState.CLOSED and (broken or errors >= self.limit):
            return replace(self, state=CircuitState.OPEN, errors=errors)
        return replace(self, errors=errors)

    def trying(self) -> "Circuit":
        """The model is about to be loaded; a healthy one may be, too."""
        if self.state is CircuitState.CLOSED:
            return self
        return replace(self, state=CircuitState.HALF_OPEN)

    def loaded(self) -> "Circuit":
        """The model was loaded and warmed."""
        return Circuit(self.limit)

    def not_loaded(self) -> "Circuit":
        """It could not be."""
        return replace(self, state=CircuitState.OPEN, reloads=self.reloads + 1)

    def pause_seconds(self, chance: float) -> float:
        """How long to wait before the next reload; ``chance`` in 0..1 spreads the workers."""
        seconds = min(MAX_SECONDS, BASE_SECONDS * 2.0 ** max(0, self.reloads - 1))
        return seconds * (1 + JITTER * (2 * chance - 1))


class Breaker:
    """The circuit of this worker. Thread-safe.

    ``responds`` asks the engine for a few tokens; ``opened`` is called once each time the
    circuit opens, with the reason.
    """

    def __init__(
        self, limit: int, responds: Callable[[], bool], opened: Callable[[str], None]
    ) -> None:
        self._responds = responds
        self._opened = opened
        self._lock = Lock()
        self.circuit = Circuit(limit)

    def succeeded(self) -> None:
        """A generation ended well."""
        self._move(Circuit.succeeded)

    def failed(self, error: EngineError) -> bool:
        """Judge a generation that failed; True if the engine is to blame, not the job."""
        if isinstance(error, (EngineBusy, RequestRefused)):
            return self.circuit.state is not CircuitState.CLOSED
        if self.circuit.state is CircuitState.CLOSED:
            broken = isinstance(error, ModelUnavailable) or not self._responds()
            self._move(lambda circuit: circuit.failed(broken=broken), str(error))
        return self.circuit.state is not CircuitState.CLOSED

    def trying(self) -> None:
        """The model is about to be loaded."""
        self._move(Circuit.trying)

    def loaded(self) -> None:
        """The model was loaded and warmed."""
        self._move(Circuit.loaded)

    def not_loaded(self, why: str) -> None:
        """The model could not be loaded."""
        self._move(Circuit.not_loaded, why)

    def _move(self, event: Callable[[Circuit], Circuit], why: str = "") -> None:
        with self._lock:
            before, self.circuit = self.circuit, event(self.circuit)
            after = self.circuit
        if after.state is not before.state:
            log.warning("circuit breaker", state=after.state, was=before.state, why=why)
        if before.state is CircuitState.CLOSED and after.state is CircuitState.OPEN:
            self._opened(why)
