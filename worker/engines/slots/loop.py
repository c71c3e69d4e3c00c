"""The one thread that runs the model, for callers on any number of threads."""

import logging
import time
from concurrent.futures import Future
from threading import Condition, Thread

from worker.engines.base import Completion, EngineError
from worker.engines.slots.choice import Choice
from worker.engines.slots.runner import Runner
from worker.engines.slots.scheduler import Scheduler
from worker.engines.slots.sequence import Sequence
from worker.engines.slots.speculation import Speculation

log = logging.getLogger(__name__)

#: How long an idle engine waits for more after the first: those of a burst begin together, and
#: do not come in between the tokens of the first.
GATHER_SECONDS = 0.002


class EngineLoop:
    """Steps while any slot is busy, sleeps otherwise.

    An error in a step fails the callers of that moment, running and waiting; the loop goes
    on with the next ones.
    """

    def __init__(self, runner: Runner, slots: int, speculation: Speculation | None = None) -> None:
        self._runner = runner
        self._speculation = speculation or Speculation()
        self._scheduler = Scheduler(slots)
        self._changed = Condition()
        self._closed = False
        self._step_began = time.monotonic()
        self._thread = Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def submit(self, sequence: Sequence) -> Future[Completion]:
        """Queue a sequence for a slot. Raises EngineError if the loop has ended."""
        with self._changed:
            if self._closed:
                raise EngineError("the engine is closed")
            self._scheduler.add(sequence)
            self._changed.notify()
        return sequence.outcome

    def busy_slots(self) -> int:
        """Slots that hold a sequence right now."""
        with self._changed:
            return len(self._scheduler.running)

    def last_step(self) -> float:
        """``time.monotonic()`` when the last step began; now, if no slot is busy."""
        with self._changed:
            return self._step_began if self._scheduler.running else time.monotonic()

    def close(self) -> None:
        """Fail everybody after the step under way, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            while self._await_work():
                try:
                    self._step()
                except Exception as error:
                    log.exception("a step of the engine failed")
                    self._fail_all(f"a step of the engine failed: {error}", error)
        finally:
            self._closed = True
            self._fail_all("the engine is closed")

    def _await_work(self) -> bool:
        """Let go of what is over, fill the slots, wait while all are free; False to end."""
        with self._changed:
            while not self._closed:
                self._scheduler.retire()
                self._scheduler.admit()
                if self._scheduler.running:
                    self._step_began = time.monotonic()
                    return True
                self._changed.wait()
                self._changed.wait_for(self._is_full, GATHER_SECONDS)
            return False

    def _is_full(self) -> bool:
        return self._closed or self._scheduler.is_full

    def _step(self) -> None:
        running = self._scheduler.running
        self._speculation.plan(running.values())
        for slot, choices in self._runner.step(running).items():
            self._append(slot, choices)

    def _append(self, slot: int, choices: list[Choice]) -> None:
        """Hand out the tokens of a slot; what goes wrong here is that caller's alone."""
        try:
            self._scheduler.running[slot].append(choices)
        except Exception as error:  # noqa: BLE001 - a listener may raise anything
            with self._changed:
                self._scheduler.fail(slot, f"a token could not be delivered: {error}", error)
            self._runner.clear(slot)

    def _fail_all(self, message: str, cause: Exception | None = None) -> None:
        with self._changed:
            self._scheduler.fail_all(message, cause)
