"""A real Alertmanager with the configuration that ships."""

from pathlib import Path
from typing import Any

import httpx

from cli.ports import any_free
from tests.support.processes import Process
from tests.support.tools import tool
from tests.support.waiting import wait_until

SHIPPED = Path(__file__).parents[2] / "compose" / "alertmanager" / "alertmanager.yml"


class Alertmanager:
    """Alone: it talks to no other one."""

    def __init__(self, directory: Path) -> None:
        self.address = f"127.0.0.1:{any_free()}"
        self._directory = directory
        self._process: Process | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [
            *_program(),
            f"--config.file={SHIPPED}",
            f"--storage.path={self._directory / 'alertmanager'}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
        ]
        log = self._directory / "alertmanager.log"
        self._process = Process("alertmanager", command, log)
        wait_until(self._answers, what="Alertmanager's answer")

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()

    def alerts(self, name: str) -> list[dict[str, Any]]:
        """The active alerts of one name."""
        url = f"http://{self.address}/api/v2/alerts"
        params = {"filter": f'alertname="{name}"'}
        found: list[dict[str, Any]] = httpx.get(url, params=params, trust_env=False).json()
        return found

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://{self.address}/-/ready", trust_env=False).is_success
        except httpx.TransportError:
            return False


def _program() -> list[str]:
    """Debian's looks for its templates in /usr/share: if it was unpacked elsewhere, show it there."""
    program = tool("alertmanager")
    templates = program.parents[1] / "share" / "prometheus"
    if templates == Path("/usr/share/prometheus"):
        return [str(program)]
    place = ["--tmpfs", "/usr/share", "--ro-bind", str(templates), "/usr/share/prometheus"]
    return [str(tool("bwrap")), "--dev-bind", "/", "/", *place, str(program)]
