"""Faults on demand, so that tests can break the service where a device would."""

import time
from dataclasses import dataclass
from pathlib import Path

from worker.engines.base import EngineError, EngineOutOfMemory

#: What ``fail_file`` says to make memory too short for more than one slot.
OUT_OF_MEMORY = "out of memory"


@dataclass(frozen=True, slots=True)
class Faults:
    """Files that break the echo engine while they exist.

    ``fail_file``: every step raises EngineError with what the file says; if that is
    OUT_OF_MEMORY, every step with more than one busy slot raises EngineOutOfMemory.
    ``hang_file``: no step returns, cancelled or not.
    """

    fail_file: Path | None = None
    hang_file: Path | None = None

    def step(self, busy_slots: int) -> None:
        """Pass, fail or hang. Raises EngineError."""
        while self.hang_file is not None and self.hang_file.exists():
            time.sleep(0.01)
        why = self._failure()
        if why == OUT_OF_MEMORY:
            if busy_slots > 1:
                raise EngineOutOfMemory(f"{OUT_OF_MEMORY} for {busy_slots} slots")
        elif why is not None:
            raise EngineError(why)

    def _failure(self) -> str | None:
        if self.fail_file is None:
            return None
        try:
            return self.fail_file.read_text().strip()
        except FileNotFoundError:
            return None
