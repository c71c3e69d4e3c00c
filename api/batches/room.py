"""How many lines may enter the queue now: so few that others hardly notice, enough to go on."""

import math
from dataclasses import dataclass

from api.admission import class_limit
from common.queues import Priority

#: Milliseconds between two looks at the queue.
TICK_MS = 100
#: Others have run lately if they did so within these seconds.
LATELY_SECONDS = 10.0
#: A line enters after so many seconds, however busy the others are.
TRICKLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Seen:
    """The queue, as batch_room.lua saw it."""

    waiting: int
    waiting_lines: int
    running: int
    running_lines: int
    slots: int
    mean_ms: int


def room(seen: Seen, max_queue_size: int, spare: int = 0) -> int:
    """Lines that may enter.

    Enough wait to keep the slots busy until the next look, twice over; half of what the low
    class may fill stays free. While others wait only one line does, which the workers' turn
    for the starving brings forward. With ``spare`` slots to be left alone, no more lines
    wait than could start at once, and they take half of the slots at most.
    """
    others = seen.waiting - seen.waiting_lines
    limit = class_limit(max_queue_size, Priority.LOW)
    if others > 0:
        ahead = 1
    elif spare:
        half = max(1, seen.slots // 2)
        ahead = max(0, min(seen.slots - spare - seen.running, half - seen.running_lines))
    else:
        turns = math.ceil(2 * TICK_MS / seen.mean_ms) if seen.mean_ms else 1
        ahead = min(max(1, limit // 2), max(2, seen.slots * max(1, turns)))
    return max(0, min(ahead - seen.waiting_lines, limit - seen.waiting))


@dataclass(slots=True)
class Courtesy:
    """How many slots lines leave alone, where a job cannot take one from them.

    A slot, or a tenth of them, is kept for the next job while others have run lately. A
    line still enters now and then, so that a batch ends where others never stop coming.
    """

    preemption: bool
    _others_at: float = float("-inf")
    _entered_at: float = float("-inf")

    def spare(self, seen: Seen, now: float) -> int:
        """Slots to be left alone at the moment ``now`` (monotonic seconds)."""
        if seen.running > seen.running_lines or seen.waiting > seen.waiting_lines:
            self._others_at = now
        if self.preemption or now - self._others_at > LATELY_SECONDS:
            return 0
        if now - self._entered_at > TRICKLE_SECONDS:
            return 0
        return max(1, seen.slots // 10)

    def entered(self, now: float) -> None:
        """Lines have entered the queue."""
        self._entered_at = now
