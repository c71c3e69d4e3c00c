"""A cluster of pods with three slots each, second by second, under one trace of arrivals."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.scaling.scaler import SYNC_SECONDS, Scaler

SLOTS = 3
#: From the decision to a pod that takes jobs: scheduling, and loading a model of 4 GB.
START_SECONDS = 60
JOB_SECONDS = 6

#: Jobs that arrive in a second, and whether Redis answers KEDA then.
Trace = Callable[[int], tuple[float, bool]]


@dataclass(slots=True)
class Played:
    """What was seen, one value a second; ``cut`` counts jobs that a scale-in interrupted."""

    waiting: list[int] = field(default_factory=list)
    running: list[int] = field(default_factory=list)
    pods: list[int] = field(default_factory=list)
    cut: int = 0

    @property
    def drained_at(self) -> int:
        """The second after which nothing waited any more."""
        return max((s for s, n in enumerate(self.waiting) if n), default=0)


def play(
    spec: dict[str, Any], trace: Trace, seconds: int, job_seconds: int = JOB_SECONDS
) -> Played:
    """Run the trace against the scaler that the spec describes."""
    scaler, seen = Scaler(spec), Played()
    pods: list[int] = [0] * spec["minReplicaCount"]  # when each takes jobs
    busy: deque[int] = deque()  # when each running job ends
    waiting, owed = 0, 0.0
    for now in range(seconds):
        arriving, answers = trace(now)
        owed += arriving
        waiting, owed = waiting + int(owed), owed % 1
        while busy and busy[0] <= now:
            busy.popleft()
        slots = SLOTS * sum(ready <= now for ready in pods)
        while waiting and len(busy) < slots:
            waiting -= 1
            busy.append(now + job_seconds)
        if now % SYNC_SECONDS == 0:
            eta = waiting * job_seconds / max(slots, 1)
            triggers = _triggers(waiting, len(busy), eta, answers=answers)
            wanted = scaler.pods(now, len(pods), triggers)
            pods += [now + START_SECONDS] * (wanted - len(pods))
            while len(pods) > wanted:
                pods.pop()
                lost = max(0, len(busy) - SLOTS * len(pods))
                seen.cut += lost
                waiting += lost
                for _ in range(lost):
                    busy.pop()
        seen.waiting.append(waiting)
        seen.running.append(len(busy))
        seen.pods.append(len(pods))
    return seen


def _triggers(waiting: int, running: int, eta: float, *, answers: bool) -> dict[str, float | None]:
    """What KEDA reads: the queues in Redis, the predicted wait in Prometheus."""
    redis = {"urgent": 0, "high": 0, "normal": waiting, "low": 0, "backlog": 0, "running": running}
    return {**(redis if answers else dict.fromkeys(redis)), "eta": eta}
