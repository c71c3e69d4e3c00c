"""What make says on a machine that cannot run Caravan: one line, and what to do."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def supported(tools: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Ask make, with programs of our own before those of the system."""
    return subprocess.run(
        ["make", "--no-print-directory", "supported", *arguments],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


def program(directory: Path, name: str, script: str) -> None:
    (directory / name).write_text(f"#!/bin/sh\n{script}\n")
    (directory / name).chmod(0o755)


def test_this_machine_is_supported(tmp_path: Path) -> None:
    assert supported(tmp_path).returncode == 0


@pytest.mark.parametrize("machine", ["Linux riscv64", "Darwin x86_64", "FreeBSD amd64"])
def test_another_platform_is_told_which_ones_there_are(tmp_path: Path, machine: str) -> None:
    system, architecture = machine.split()
    program(tmp_path, "uname", f'[ "$1" = -s ] && echo {system} || echo {architecture}')

    answer = supported(tmp_path)

    assert answer.returncode != 0
    assert "Linux x86_64 and macOS arm64" in answer.stderr


def test_an_old_python_is_told_what_to_install(tmp_path: Path) -> None:
    for name in ("python3", "python3.13", "python3.12", "python3.11"):
        program(tmp_path, name, "exit 1")  # what each answers to "are you 3.11 or newer?"

    answer = supported(tmp_path)

    assert answer.returncode != 0
    assert "Python 3.11 or newer is missing" in answer.stderr


def test_a_python_without_venv_is_told_what_to_install(tmp_path: Path) -> None:
    program(tmp_path, "python3", 'case "$2" in *ensurepip*) exit 1 ;; esac')

    answer = supported(tmp_path)

    assert answer.returncode != 0
    assert "apt install python3-venv" in answer.stderr
