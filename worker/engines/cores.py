"""How many cores this process may use: the machine's are often not all its own."""

import os
from math import ceil
from pathlib import Path

#: Where a container sees the limit of its own control group: version 2, then version 1.
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_OLD_QUOTA = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
_OLD_PERIOD = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")


def usable_cores() -> int:
    """The cores that it may run on, or fewer if a control group limits its time; at least 1.

    More threads than that are worse than too few: they wait for each other while the kernel
    holds one of them back.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, quota(_read_limit()) or cores or 1))


def quota(limit: str) -> int | None:
    """Cores in ``"150000 100000"`` (microseconds of CPU in a period), rounded up; None: no limit."""
    allowed, _, period = limit.strip().partition(" ")
    if not (allowed.isdecimal() and period.isdecimal() and int(period)):
        return None
    return ceil(int(allowed) / int(period))


def _read_limit() -> str:
    try:
        if _QUOTA.exists():
            return _QUOTA.read_text()
        return f"{_OLD_QUOTA.read_text().strip()} {_OLD_PERIOD.read_text().strip()}"
    except OSError:
        return ""
