"""A process as in its container: uid 10001, no capability, no new privilege, a read-only root.

bubblewrap does what the runtime would: /tmp is empty and in memory, and the state directory is
the only other place that can be written.
"""

import sys
from pathlib import Path

from tests.support.tools import tool

ROOT = Path(__file__).parents[2]
UID = 10001


def jailed(state: Path, *command: str) -> list[str]:
    """The command line of a command in there; it starts in the state directory."""
    seen = (ROOT, Path(sys.prefix), Path(sys.base_prefix))  # they may lie under /tmp
    return [
        *(str(tool("bwrap")), "--unshare-user", "--uid", str(UID), "--gid", str(UID)),
        *("--cap-drop", "ALL", "--unshare-pid", "--unshare-ipc", "--die-with-parent"),
        *("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"),
        *(part for path in seen for part in ("--ro-bind", str(path), str(path))),
        *("--bind", str(state), str(state), "--chdir", str(state), "--setenv", "HOME", "/tmp"),
        *command,
    ]


def status_of(pid: int) -> dict[str, str]:
    """What the kernel says of the innermost process that bubblewrap started as ``pid``."""
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[0])
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
