"""Threads and reports go by the cores that a process may use, not by those of the machine."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("api", "benchmarks", "cli", "common", "compose", "k8s", "quantization", "worker")


def test_one_module_counts_cores() -> None:
    counting = re.compile(r"\bcpu_count\(")
    found = [
        path.relative_to(ROOT).as_posix()
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if counting.search(path.read_text())
    ]
    assert found == ["worker/engines/cores.py"]
