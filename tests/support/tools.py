"""Programs of the system that tests drive: found on PATH, or taken from Debian's packages.

``python -m tests.support.tools`` fetches what is missing, as ``make test`` does first, and
``make bench`` for wrk. Packages
are unpacked beside the virtual environment, so that no service is started by their installation;
only those that need libraries are installed, and only by root.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

HOME = Path(sys.prefix) / "tools"

#: The Debian package of each program, and the program's file name in it.
PACKAGES = {
    "alertmanager": ("prometheus-alertmanager", "prometheus-alertmanager"),
    "amtool": ("prometheus-alertmanager", "amtool"),
    "bwrap": ("bubblewrap", "bwrap"),
    "chromium": ("chromium", "chromium"),
    "prometheus": ("prometheus", "prometheus"),
    "promtool": ("prometheus", "promtool"),
    "wrk": ("wrk", "wrk"),
}
_INSTALLED = ("chromium", "wrk")


def tool(name: str) -> Path:
    """The path of a program; without it the test is skipped, and fails in CI."""
    found = _find(name)
    if found:
        return found
    hint = f"{name} is missing: apt install {PACKAGES[name][0]}"
    if os.environ.get("CI"):
        pytest.fail(hint)
    pytest.skip(hint)


def fetch(names: Iterable[str]) -> None:
    """Get every missing program, or say how."""
    missing = sorted({PACKAGES[name][0] for name in names if _find(name) is None})
    if not missing:
        return
    if not shutil.which("apt-get"):
        print(f"Tests that need {', '.join(missing)} are skipped: install them to run these too.")
        return
    print(f"Fetching for the tests: {', '.join(missing)} ...", flush=True)
    if os.geteuid() == 0:
        _run("apt-get", "update", "-qq")
    for package in missing:
        if package not in _INSTALLED:
            _unpack(package)
        elif os.geteuid() == 0:
            _run("apt-get", "install", "-qq", "-y", "--no-install-recommends", package)
        else:
            print(f"Tests that need {package} are skipped: sudo apt install {package}")


def _find(name: str) -> Path | None:
    file = PACKAGES[name][1]
    unpacked = HOME / "usr" / "bin" / file
    if unpacked.exists():
        return unpacked
    found = shutil.which(file) or shutil.which(name)
    return Path(found) if found else None


def _unpack(package: str) -> None:
    HOME.mkdir(parents=True, exist_ok=True)
    _run("apt-get", "download", "-qq", package, cwd=HOME)
    for archive in HOME.glob(f"{package}_*.deb"):
        _run("dpkg", "-x", archive.name, ".", cwd=HOME)
        archive.unlink()


def _run(*command: str, cwd: Path | None = None) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"`{' '.join(command)}` failed: {done.stderr.strip()}", file=sys.stderr)


if __name__ == "__main__":
    fetch(sys.argv[1:] or PACKAGES.keys() - {"wrk"})
