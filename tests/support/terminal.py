"""A command in a pseudo-terminal: what a person sees, and the keys that they press."""

import fcntl
import os
import pty
import select
import struct
import termios
import time
from collections.abc import Mapping, Sequence

ROWS, COLUMNS = 24, 72
CTRL_C = b"\x03"


class Terminal:
    """Runs one command; ``seen`` is every byte that it wrote so far."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self.seen = b""
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.execve(command[0], list(command), {"TERM": "xterm-256color", **env})

    def wait_for(self, text: str, timeout_seconds: float = 60.0) -> None:
        """Return once the text was written."""
        deadline = time.monotonic() + timeout_seconds
        while text.encode() not in self.seen:
            assert time.monotonic() < deadline, f"no {text!r} in {self.seen[-2000:]!r}"
            assert self._read(), f"it ended without {text!r}: {self.seen[-2000:]!r}"

    def press(self, keys: bytes) -> None:
        os.write(self._fd, keys)

    def end(self, timeout_seconds: float = 60.0) -> int:
        """The exit status, once it has ended."""
        deadline = time.monotonic() + timeout_seconds
        while self._read():
            assert time.monotonic() < deadline, f"it goes on: {self.seen[-2000:]!r}"
        os.close(self._fd)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def _read(self) -> bool:
        """Take what is there; False at its end."""
        ready, _, _ = select.select([self._fd], [], [], 0.1)
        if ready:
            try:
                piece = os.read(self._fd, 65_536)
            except OSError:  # Linux: the other side is closed
                return False
            self.seen += piece
            return bool(piece)
        return True
