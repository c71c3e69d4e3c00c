"""Staying with a running stack."""

import time
from collections.abc import Callable

from cli.supervisor import Supervisor, SupervisorError


def watch(supervisor: Supervisor, tell: Callable[[str], None]) -> None:
    """Tell of every process that was restarted; return when the stack was stopped elsewhere."""
    known = {process.name: process.pid for process in supervisor.processes()}
    while True:
        time.sleep(1)
        try:
            processes = supervisor.processes()
        except SupervisorError:
            tell("Caravan was stopped.")
            return
        for process in processes:
            if process.pid and process.pid != known[process.name]:
                tell(f"{process.name} had ended and was started again; see {process.log}")
                known[process.name] = process.pid
