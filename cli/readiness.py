"""Waiting until the stack can answer, and telling which process keeps it from that."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from cli.settings import LauncherSettings
from cli.supervisor import ProcessState, Supervisor

#: Starts of one program, the first included, after which it is said to keep dying.
TOO_MANY_STARTS = 3


class NotReadyError(Exception):
    """Why the stack does not come up, with the end of the log that tells."""


class Deaths:
    """Counts how often each program was started."""

    def __init__(self) -> None:
        self._last_pid: dict[str, int] = {}
        self._starts: Counter[str] = Counter()

    def keeps_dying(self, processes: list[ProcessState]) -> ProcessState | None:
        """The first program that was started too often, or was given up."""
        for process in processes:
            if process.pid and process.pid != self._last_pid.get(process.name):
                self._last_pid[process.name] = process.pid
                self._starts[process.name] += 1
            if process.state == "FATAL" or self._starts[process.name] >= TOO_MANY_STARTS:
                return process
        return None


def wait_until_ready(
    settings: LauncherSettings, supervisor: Supervisor, tell: Callable[[str], None]
) -> None:
    """Return once /readyz answers 200; tell what it waits for whenever that changes.

    Raises:
        NotReadyError: a process keeps dying, or the time is over.
    """
    timeout_seconds = settings.startup_timeout_seconds
    deadline = time.monotonic() + timeout_seconds
    deaths, told = Deaths(), ""
    tls = settings.gateway_tls
    with httpx.Client(
        base_url=settings.gateway_url, verify=tls, timeout=5.0, trust_env=False
    ) as client:
        while missing := what_is_missing(client):
            if missing != told:
                tell(f"  {missing}")
                told = missing
            if dying := deaths.keeps_dying(supervisor.processes()):
                raise NotReadyError(
                    f"{dying.name} keeps dying. The end of {dying.log}:\n{last_lines(dying.log)}"
                )
            if time.monotonic() > deadline:
                raise NotReadyError(
                    f"Not ready after {timeout_seconds:.0f} s (STARTUP_TIMEOUT_SECONDS): {missing}"
                )
            time.sleep(0.1)


def what_is_missing(client: httpx.Client) -> str:
    """What /readyz still waits for, in words; empty when the stack is ready."""
    try:
        answer = client.get("/readyz")
        return "" if answer.is_success else unmet(answer.json())
    except (httpx.HTTPError, ValueError):
        return "The gateway does not answer yet."


def unmet(body: dict[str, Any]) -> str:
    """The sentences of the checks that failed, from the body of /readyz."""
    return " ".join(check["detail"] for check in body["checks"].values() if not check["ok"])


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log file, indented."""
    if not log.exists():
        return "    (empty)"
    lines = log.read_text(errors="replace").splitlines()[-count:]
    return "\n".join(f"    {line}" for line in lines)
