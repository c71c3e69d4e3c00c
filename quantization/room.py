"""Whether there is room for what is about to be done."""

import shutil
from pathlib import Path

from common.artifact import ArtifactError

#: What Python, torch and the other libraries take before any weight is read.
LIBRARIES_BYTES = 700_000_000


def check_disk(directory: Path, needed: int) -> None:
    """Raises ArtifactError, with both numbers, unless ``needed`` bytes fit in ``directory``."""
    while not directory.exists():
        directory = directory.parent
    free = shutil.disk_usage(directory).free
    if needed > free:
        raise ArtifactError(
            f"too little disk: this needs {gigabytes(needed)}, and {directory} has "
            f"{gigabytes(free)} free"
        )


def check_memory(needed: int) -> None:
    """Raises ArtifactError, with both numbers, unless ``needed`` bytes of memory are free."""
    import psutil

    free = int(psutil.virtual_memory().available)
    if needed > free:
        raise ArtifactError(
            f"too little memory: this needs {gigabytes(needed)}, and {gigabytes(free)} are free"
        )


def gigabytes(size: int) -> str:
    """A size as people read it."""
    return f"{size / 1e9:.2f} GB"
