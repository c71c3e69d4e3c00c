"""When a job passed where: a line for each, from all processes, by the machine's one clock."""

import os
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

#: Nanoseconds of CLOCK_MONOTONIC, which every process of a Linux machine shares.
now = time.monotonic_ns

#: Where a token is made: "token:" and how many there are with it.
MADE = "token:"

#: A job's places, each with when it was passed last.
Passed = dict[str, int]


class Stamps:
    """Appends to a file that other processes append to as well."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, job_id: str, place: str, at: int | None = None) -> None:
        """The job passes now, or passed at ``at``."""
        os.write(self._file, f"{job_id} {place} {at or now()}\n".encode())


def read_stamps(path: Path, wanted: Callable[[str], bool] = lambda _: True) -> dict[str, Passed]:
    """What is known of each job, of the places that are ``wanted``."""
    jobs: dict[str, Passed] = defaultdict(dict)
    for line in path.read_text().splitlines():
        job_id, place, at = line.split()
        if wanted(place):
            jobs[job_id][place] = int(at)
    return jobs
