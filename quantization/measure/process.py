"""Runs a task of ``child`` and shows how far it is."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

from common.artifact import ArtifactError
from quantization.progress import Track


def run_task(task: Mapping[str, Any], steps: int, what: str, track: Track) -> dict[str, Any]:
    """The result of ``task``, which makes ``steps`` steps. Raises ArtifactError."""
    result: dict[str, Any] = {}
    for _ in track(_steps(task, result), steps, what):
        pass
    return dict(result["result"])


def _steps(task: Mapping[str, Any], result: dict[str, Any]) -> Iterator[None]:
    """Yield once a step; what the child says at last is put into ``result``."""
    command = [sys.executable, "-m", "quantization.measure.child"]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as child,
    ):
        try:
            assert child.stdin is not None  # noqa: S101 - both are pipes
            assert child.stdout is not None  # noqa: S101
            json.dump(task, child.stdin)
            child.stdin.close()
            for line in child.stdout:
                said = json.loads(line)
                result |= said
                yield from [None] * said.get("advance", 0)
        finally:
            if child.poll() is None and "result" not in result:
                child.kill()
        status = child.wait()
        if status != 0 or "result" not in result:
            raise ArtifactError(result.get("error") or _last_words(errors.seek(0), errors.read()))


def _last_words(_: int, text: str) -> str:
    lines = text.strip().splitlines() or ["it said nothing; out of memory?"]
    return f"the measuring process ended: {lines[-1]}"
