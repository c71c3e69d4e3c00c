"""Real child processes, each the head of its own process group, stopped by that group."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class Process:
    """A started program whose output goes to a log file."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env) if env is not None else None,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """The exit status; None while it runs."""
        return self._popen.poll()

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait(self, timeout_seconds: float) -> int:
        """The exit status of a program that ends by itself."""
        return self._popen.wait(timeout_seconds)

    def kill(self, *, reap: bool = True) -> None:
        """SIGKILL the whole group, as the kernel does when memory ends.

        Without ``reap`` its process id stays taken, so that nobody can see that it is gone.
        """
        self._signal(signal.SIGKILL)
        if reap:
            self._popen.wait()

    def stop(self, timeout_seconds: float = 30.0) -> int:
        """SIGTERM, wait, and SIGKILL what is still there; the exit status."""
        self._signal(signal.SIGTERM)
        try:
            self._popen.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        return self._popen.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        self._popen.send_signal(number)

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return
