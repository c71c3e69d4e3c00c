"""Looks after the loaded model: warms it, loads it again, and repairs it when it broke.

One thread does one duty after the other. While a model is swapped the worker stands still:
it takes no jobs, and those that ran have ended or were given back. A reload that names a
model which cannot be loaded brings the old one back.
"""

import os
import random
import time
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event, Thread

import structlog

from common.commands import Command, Target, Verb, parse_command
from common.reloads import ReloadState
from worker.about import About, WorkerState
from worker.attempt import Attempts
from worker.breaker import Breaker, CircuitState
from worker.engines.base import EngineError, ModelUnavailable
from worker.keeper import STALLED, Keeper
from worker.metrics import WorkerMetrics
from worker.model import Model, load_model
from worker.mount import Mount
from worker.reloads import Reloads
from worker.settings import WorkerSettings

log = structlog.get_logger()

#: Seconds between two looks whether it is this worker's turn.
TURN_SECONDS = 0.2
#: Seconds between two looks for a reload that was not heard.
CATCH_UP_SECONDS = 2.0
#: Why a model is loaded, as metrics name it.
_CAUSES = {
    WorkerState.LOADING: "start",
    WorkerState.RELOADING: "reload",
    WorkerState.BROKEN: "repair",
}


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
        reloads: Reloads,
    ) -> None:
        self._settings = settings  #: with what the last reload named
        self._mount = mount
        self._breaker = breaker
        self._attempts = attempts
        self._about = about
        self._keeper = keeper
        self._metrics = metrics
        self._reloads = reloads
        self.prepare: Callable[[Model], Model] = lambda model: model
        self._obeyed: set[str] = set()  #: ids of reloads
        self._duties: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._stop = Event()

    def load(self) -> None:
        """Load the first model, waiting for files that are missing."""
        last = self._reloads.last()
        if last is not None:
            self._obeyed.add(last.id)
        self._settings = self._reloads.on_start(last)
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
            try:
                duty = self._duties.get(timeout=CATCH_UP_SECONDS)
            except Empty:
                duty = self._catch_up
            try:
                duty()
            except Exception:
                log.exception("a duty failed")

    def _catch_up(self) -> None:
        """Obey the last reload, if it was given while Redis was out of reach."""
        last = self._reloads.last()
        if last is not None and last.id not in self._obeyed:
            self._obey(Command(Verb.RELOAD, last.id, last.target))

    def _obey(self, command: Command) -> None:
        if not command.concerns(self._about.worker_id) or command.id in self._obeyed:
            return
        if command.verb is Verb.RELOAD and not self._reloads.turn.take():
            self._stop.wait(TURN_SECONDS)
            self._duties.put(partial(self._obey, command))
            return
        log.info("command", verb=command.verb, id=command.id)
        if command.verb is Verb.RELOAD:
            self._reload(command)
        else:
            self._warm_up()
        self._about.command = command.id
        self._keeper.announce()

    def _reload(self, command: Command) -> None:
        self._obeyed.add(command.id)
        try:
            if self._reloads.failed(command.id):
                self._reloads.tell(command.id, ReloadState.SKIPPED)
                return
            self._reloads.tell(command.id, ReloadState.LOADING)
            error = self._change_to(command.target)
            state = ReloadState.FAILED if error else ReloadState.READY
            self._reloads.tell(command.id, state, error)
        finally:
            self._reloads.turn.give()

    def _change_to(self, target: Target) -> str:
        """Load another model, or the old one again; why it is the old one, or ''."""
        before = self._settings
        try:
            self._settings = self._reloads.settings_for(target)
        except ModelUnavailable as error:
            return str(error)
        fallback = None if self._settings == before else before
        return self._swap(WorkerState.RELOADING, "", self._settings.drain_seconds, fallback)

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

    def _swap(
        self,
        state: WorkerState,
        why: str = "",
        patience_seconds: float = 0.0,
        fallback: WorkerSettings | None = None,
    ) -> str:
        """Load the model anew until it is there; '' or why ``fallback`` was loaded instead."""
        failure = taken_up = ""
        self._tell(state, why)
        with self._attempts.standstill(patience_seconds):
            self._mount.clear()
            self._tell(WorkerState.LOADING, why)
            while self._mount.model is None and not self._stop.is_set():
                began = time.monotonic()
                error = self._mount_again()
                took = time.monotonic() - began
                self._metrics.engine.tried(_CAUSES[state], took, loaded=error is None)
                if error is not None and fallback is not None:
                    log.warning("the model cannot be loaded; back to the old one", error=str(error))
                    self._settings, fallback, failure = fallback, None, str(error)
                elif error is not None:
                    self._failed(error)
                    taken_up = self._take_up() or taken_up
        if taken_up:
            self._reloads.tell(taken_up, ReloadState.READY)
        return failure

    def _take_up(self) -> str:
        """The id of a reload that came while the model could not be loaded; try its target."""
        last = self._reloads.last()
        if last is None or last.id in self._obeyed:
            return ""
        self._obeyed.add(last.id)
        try:
            self._settings = self._reloads.settings_for(last.target)
        except ModelUnavailable as error:
            self._reloads.tell(last.id, ReloadState.FAILED, str(error))
            return ""
        self._reloads.tell(last.id, ReloadState.LOADING)
        self._about.command = last.id
        return last.id

    def _mount_again(self) -> EngineError | None:
        """Load the model once; why it is not there, or None."""
        self._breaker.trying()
        try:
            model = load_model(self._settings)
        except EngineError as error:
            return error
        except Exception as error:
            log.exception("loading raised what it should not")
            return EngineError(f"{type(error).__name__}: {error}")
        self._mount.model = self.prepare(model)
        self._breaker.loaded()
        self._metrics.engine.loaded(model.engine.info())
        self._tell(WorkerState.READY)
        return None

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
