"""The process supervisor: start it, ask it, stop it."""

import subprocess
import sys
import time
import xmlrpc.client  # nosec B411 - of our own supervisor, on a socket of this user
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from cli.state import control_socket, private_directory

CONFIGURATION = Path(__file__).parents[1] / "compose" / "supervisord.conf"


class SupervisorError(Exception):
    """The supervisor did not start, or does not answer."""


class Stage(StrEnum):
    """Where the supervisor is in its life."""

    ABSENT = "absent"
    RUNNING = "running"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class ProcessState:
    """What the supervisor knows of one program; pid is 0 while it does not run."""

    name: str
    state: str
    pid: int
    log: Path

    @property
    def failing(self) -> bool:
        """Whether it ended soon after its start."""
        return self.state in ("BACKOFF", "FATAL")


class Supervisor:
    """The supervisor of one state directory; there is at most one."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._socket = control_socket(state)

    @property
    def socket(self) -> Path:
        return self._socket

    def stage(self) -> Stage:
        """Whether it is there, and whether it is on its way out."""
        try:
            self._call("getState")
        except xmlrpc.client.Fault:  # SHUTDOWN_STATE: it answers nothing else by now
            return Stage.STOPPING
        except OSError:
            return Stage.ABSENT
        return Stage.RUNNING

    def start(self, environment: Mapping[str, str]) -> None:
        """Start it in the background; its programs get the same environment.

        Raises:
            SupervisorError: it refused, with its own words.
        """
        private_directory(self._socket.parent)
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(CONFIGURATION)]
        result = subprocess.run(
            command, env=dict(environment), capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            raise SupervisorError((result.stderr or result.stdout).strip())
        self._wait_until(Stage.RUNNING, timeout_seconds=10.0)

    def processes(self) -> list[ProcessState]:
        """Every program that is meant to run."""
        return [
            ProcessState(
                name=info["name"],
                state=info["statename"],
                pid=info["pid"],
                log=Path(info["stdout_logfile"]),
            )
            for info in self._ask("getAllProcessInfo")
            if info["start"] or info["statename"] != "STOPPED"
        ]

    def shutdown(self, timeout_seconds: float = 120.0) -> None:
        """Stop every program, last started first, and then itself; wait for that.

        Raises:
            SupervisorError: it is still there after the timeout.
        """
        if self.stage() is Stage.RUNNING:
            self._ask("shutdown")
        self._wait_until(Stage.ABSENT, timeout_seconds)

    def _wait_until(self, stage: Stage, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        while self.stage() is not stage:
            if time.monotonic() > deadline:
                log = self._state / "logs" / "supervisord.log"
                raise SupervisorError(f"Not {stage} after {timeout_seconds:.0f} s; see {log}.")
            time.sleep(0.05)

    def _ask(self, method: str) -> Any:
        try:
            return self._call(method)
        except (OSError, xmlrpc.client.Error) as error:
            raise SupervisorError(f"The supervisor does not answer: {error}") from error

    def _call(self, method: str) -> Any:
        transport = SupervisorTransport(serverurl=f"unix://{self._socket}")
        with closing(transport):
            proxy = xmlrpc.client.ServerProxy("http://localhost", transport=transport)
            return getattr(proxy.supervisor, method)()
