"""Looks after the loaded model: warms it, loads it again, and repairs it when it broke.

One thread does one duty after the other. While a model is swapped the worker stands still:
it takes no jobs, and those that ran have ended or were given back.
"""

import os
import random
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from threading import Event, Thread

import structlog

from common.commands import Command, Verb, parse_command
from worker.about import About, WorkerState
from worker.attempt import Attempts
from worker.breaker import Breaker, CircuitState
from worker.engines.base import EngineError, ModelUnavailable
from worker.keeper import STALLED, Keeper
from worker.metrics import WorkerMetrics
from worker.model import load_model
from worker.mount import Mount
from worker.settings import WorkerSettings
from worker.turn import Turn

log = structlog.get_logger()

#: Seconds between two looks whether it is this worker's turn.
TURN_SECONDS = 0.2


class Caretaker:
    """Owns the mount: nobody else puts a model there or takes it away."""

    def __init__(
        self,
        settings: WorkerSettings,
        mount: Mount,
        breaker: Breaker,
        attempts: Attempts,
        about: About,
        keeper: Keeper,
        metrics: WorkerMetrics,
        turn: Turn,
    ) -> None:
        self._settings = settings
        self._mount = mount
        self._breaker = breaker
        self._attempts = attempts
        self._about = about
        self._keeper = keeper
        self._metrics = metrics
        self._turn = turn
        self._duties: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._stop = Event()

    def load(self) -> None:
        """Load the first model, waiting for files that are missing."""
        self._swap(WorkerState.LOADING)

    def start(self) -> None:
        """Start the thread."""
        Thread(target=self._serve, name="caretaker", daemon=True).start()

    def stop(self) -> None:
        """Begin no further duty, and cut the pauses between reloads short."""
        self._stop.set()

    def repair(self, why: str) -> None:
        """Replace an engine that is broken, as soon as possible; returns at once."""
        self._duties.put(partial(self._repair, why))

    def hear(self, message: str) -> None:
        """Take a message of the commands channel; returns at once."""
        try:
            command = parse_command(message)
        except ValueError as error:
            log.warning("not understood", error=str(error))
            return
        self._duties.put(partial(self._obey, command))

    def _serve(self) -> None:
        while not self._stop.is_set():
            duty = self._duties.get()
            try:
                duty()
            except Exception:
                log.exception("a duty failed")

    def _obey(self, command: Command) -> None:
        if command.verb is Verb.RELOAD and not self._turn.take():
            self._stop.wait(TURN_SECONDS)
            self._duties.put(partial(self._obey, command))
            return
        log.info("command", verb=command.verb, id=command.id)
        if command.verb is Verb.RELOAD:
            self._reload()
        else:
            self._warm_up()
        self._about.command = command.id
        self._keeper.announce()

    def _reload(self) -> None:
        try:
            self._swap(WorkerState.RELOADING, patience_seconds=self._settings.drain_seconds)
        finally:
            self._turn.give()

    def _warm_up(self) -> None:
        try:
            seconds = self._mount.take().engine.warmup()
        except EngineError as error:
            self._breaker.failed(error)
        else:
            self._about.warmup_seconds = seconds
            log.info("warmed up", seconds=round(seconds, 3))

    def _repair(self, why: str) -> None:
        if self._breaker.circuit.state is not CircuitState.CLOSED:
            self._swap(WorkerState.BROKEN, why)

    def _swap(self, state: WorkerState, why: str = "", patience_seconds: float = 0.0) -> None:
        self._tell(state, why)
        with self._attempts.standstill(patience_seconds):
            self._mount.clear()
            self._tell(WorkerState.LOADING, why)
            while self._mount.model is None and not self._stop.is_set():
                try:
                    self._mount_again()
                except EngineError as error:
                    self._failed(error)
                except Exception as error:
                    log.exception("loading raised what it should not")
                    self._failed(EngineError(f"{type(error).__name__}: {error}"))

    def _mount_again(self) -> None:
        self._breaker.trying()
        model = load_model(self._settings)
        self._mount.model = model
        self._breaker.loaded()
        self._metrics.engine.loaded(model.engine.info())
        self._tell(WorkerState.READY)

    def _failed(self, error: EngineError) -> None:
        """Wait before the next try, or leave: some failures of a GPU last as long as a process."""
        log.warning("the model is not loaded; jobs wait", error=str(error))
        self._breaker.not_loaded(str(error))
        circuit = self._breaker.circuit
        if isinstance(error, ModelUnavailable):
            self._tell(WorkerState.MODEL_MISSING, str(error))
        elif circuit.reloads < self._settings.breaker_reloads:
            self._tell(WorkerState.BROKEN, str(error))
        else:
            log.critical("the model cannot be loaded in this process; it exits")
            os._exit(STALLED)
        self._stop.wait(circuit.pause_seconds(random.random()))

    def _tell(self, state: WorkerState, why: str = "") -> None:
        self._about.change(state, why)
        self._keeper.announce()
