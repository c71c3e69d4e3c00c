"""Which sequence sits in which slot; the others wait in order of arrival."""

from collections import deque

from worker.engines.slots.sequence import Sequence


class Scheduler:
    """``running`` is slot -> sequence, the longest admitted first. Not thread-safe."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.running: dict[int, Sequence] = {}
        self._waiting: deque[Sequence] = deque()

    @property
    def is_full(self) -> bool:
        """Whether nobody who came now would find a slot free."""
        return len(self.running) + len(self._waiting) >= self.slots

    def add(self, sequence: Sequence) -> None:
        """Queue a sequence for the next free slot."""
        self._waiting.append(sequence)

    def admit(self) -> None:
        """Fill free slots, the lowest first: a step spans the rows up to the highest in use."""
        for slot in range(self.slots):
            if self._waiting and slot not in self.running:
                self.running[slot] = self._waiting.popleft()

    def retire(self) -> None:
        """Let go of every sequence that is over, also of those that still wait."""
        self.running = {
            slot: sequence for slot, sequence in self.running.items() if not _is_over(sequence)
        }
        self._waiting = deque(sequence for sequence in self._waiting if not _is_over(sequence))

    def fail(self, slot: int, message: str, cause: Exception) -> None:
        """Let go of one running sequence with an EngineError."""
        self.running.pop(slot).fail(message, cause)

    def fail_all(self, message: str, cause: Exception | None = None) -> None:
        """Let go of everybody, running or waiting, with an EngineError."""
        for sequence in (*self.running.values(), *self._waiting):
            sequence.fail(message, cause)
        self.running.clear()
        self._waiting.clear()


def _is_over(sequence: Sequence) -> bool:
    reason = sequence.finish_reason()
    if reason is not None:
        sequence.finish(reason)
    return reason is not None
