"""Whether this machine has room."""

import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

from cli.doctor.finding import Finding, fail, ok, warn
from cli.doctor.scene import Scene

WARN_BYTES = 2 * 2**30
FAIL_BYTES = 200 * 2**20
#: Each waiting client of a gateway is an open file.
ENOUGH_FILES = 8192


def disk(scene: Scene) -> Iterator[Finding]:
    """Free bytes where jobs, models and logs are."""
    free = shutil.disk_usage(_existing(scene.settings.state)).free
    said = f"{free / 2**30:.1f} GiB free for {scene.settings.state}."
    fix = "free some, or set STATE_DIR to another disk"
    if free < FAIL_BYTES:
        yield fail("disk", said, fix)
    elif free < WARN_BYTES:
        yield warn("disk", said, fix)
    else:
        yield ok("disk", said)


def open_files(scene: Scene) -> Iterator[Finding]:  # noqa: ARG001 - a check looks at a scene
    """How many files a process may open; a gateway raises the soft limit to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < ENOUGH_FILES:
        fix = "ulimit -Hn 65536; systemd: LimitNOFILE=65536; containers: --ulimit nofile=65536"
        yield warn("open files", f"{hard} at most: so many clients can wait, and no more.", fix)
    else:
        limit = "unlimited" if hard == resource.RLIM_INFINITY else str(hard)
        yield ok("open files", f"{limit} at most.")


def _existing(path: Path) -> Path:
    """The nearest folder that is there."""
    return next(one for one in (path, *path.parents) if one.exists())
