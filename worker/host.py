"""Which processes can be seen from here, and whether one still lives."""

import os
import socket
from pathlib import Path


def host_id() -> str:
    """Names the set of processes that this one can see.

    A host name is not enough: two containers may share it and not their process ids, and a
    rebooted machine gives the same ids to others.
    """
    return f"{socket.gethostname()} {_pid_namespace()} {_boot_id()}"


def is_alive(pid: int) -> bool:
    """Whether a process of this host exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
