"""A part in a process of its own, with all that it starts: it ends in time, and alone."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

_LAST_WORDS = 1500


def run_apart(arguments: Sequence[str], directory: Path, log: Path, seconds: float) -> None:
    """Run Python with ``arguments``. Raises RuntimeError where it fails or takes longer.

    What it had started by then is killed, too.
    """
    with log.open("w") as output:
        child = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            status = child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"did not end within {seconds:.0f} s; {_tail(log)}") from None
        finally:
            _kill(child)
    if status != 0:
        raise RuntimeError(f"ended with status {status}; {_tail(log)}")


def _kill(child: "subprocess.Popen[bytes]") -> None:
    """Kill what still runs of it: servers that it started are in sessions of their own."""
    if child.poll() is not None:
        return
    started = psutil.Process(child.pid).children(recursive=True)
    child.kill()
    child.wait()
    for process in started:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def _tail(log: Path) -> str:
    said = log.read_text(errors="replace").strip()
    return f"it said last: {said[-_LAST_WORDS:]}" if said else "it said nothing"
