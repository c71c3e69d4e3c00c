"""A GGUF file is looked at in a child before any library parses it here.

What parsers do with a file that lies about its lengths is their affair: some crash, one hangs
on 43 bytes. A child that is out of time or memory costs a sentence, not the worker.
"""

import subprocess
import sys
from pathlib import Path

from worker.engines import gguf_header

#: Seconds; a vocabulary of 250,000 takes one.
PATIENCE_SECONDS = 60.0


class NoGguf(ValueError):
    """A file that no library should be given, and why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is no GGUF file: {reason}")
        self.reason = reason


def check_gguf(path: Path, patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Raises NoGguf."""
    command = [sys.executable, "-I", str(Path(gguf_header.__file__)), str(path)]
    try:
        child = subprocess.run(
            command, capture_output=True, text=True, timeout=patience_seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise NoGguf(path, "its header took too long to read") from None
    if child.returncode == 1 and child.stdout:
        raise NoGguf(path, child.stdout.strip())
    if child.returncode != 0:
        raise NoGguf(path, f"what reads its header ends with {child.returncode}")
