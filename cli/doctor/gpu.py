"""Which GPU there is."""

import shutil
import subprocess
from collections.abc import Iterator

from cli.doctor.finding import Finding, info, ok, warn
from cli.doctor.scene import Scene

_QUERY = ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]


def gpu(scene: Scene) -> Iterator[Finding]:  # noqa: ARG001 - a check looks at a scene
    """The GPUs that nvidia-smi lists."""
    program = shutil.which("nvidia-smi")
    if program is None:
        yield info("gpu", "No nvidia-smi: models run on the CPU.")
        return
    try:
        listed = subprocess.run(
            [program, *_QUERY], capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        yield warn(
            "gpu", f"nvidia-smi fails: {error}", "reinstall the driver; reboot after an update"
        )
        return
    for line in listed.splitlines():
        yield ok("gpu", line)
