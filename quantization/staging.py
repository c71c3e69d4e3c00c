"""Directories that appear as a whole or not at all."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def staged(final: Path) -> Iterator[Path]:
    """Yield an empty directory that becomes ``final`` if the block ends well.

    If it does not, nothing is left of it, and ``final`` is what it was.
    """
    stage = final.with_name(f".{final.name}.partial")
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    try:
        yield stage
        shutil.rmtree(final, ignore_errors=True)
        stage.rename(final)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold ``path`` as a lock against the other processes of this machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
