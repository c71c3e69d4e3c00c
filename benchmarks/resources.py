"""What a process uses, as the system counts it."""

from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Used:
    """Resident memory in bytes, and CPU time in seconds since the start."""

    rss: int
    cpu_seconds: float


def used(pid: int) -> Used:
    """What process ``pid`` uses now."""
    process = psutil.Process(pid)
    times = process.cpu_times()
    return Used(process.memory_info().rss, times.user + times.system)
