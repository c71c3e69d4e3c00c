"""Remembers what a sweep found, for the next start of the same model on the same machine."""

import json
import logging
import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from common.artifact import Artifact
from worker.engines.cores import usable_cores
from worker.engines.llamacpp.autotune import Stepper, sweep
from worker.engines.llamacpp.context import Threads

logger = logging.getLogger(__name__)


def tuned(context: Stepper, artifact: Artifact, slots: int, most: int, cache: Path) -> Threads:
    """The best threads, from ``cache`` if this machine has measured this model before."""
    key = _key(artifact, slots, most)
    remembered = _read(cache)
    if key in remembered:
        best = Threads(**remembered[key])
        context.set_threads(best)
        return best
    started = time.monotonic()
    best = sweep(context, slots, most)
    logger.warning(
        "autotune: %d threads for one busy slot, %d for more (%.1f s; remembered in %s)",
        *(best.one, best.many, time.monotonic() - started, cache),
    )
    _write(cache, {**remembered, key: asdict(best)})
    return best


def _key(artifact: Artifact, slots: int, most: int) -> str:
    """What the result depends on: the weights, the processor, the library, and the limits."""
    digests = {file["name"]: file["sha256"] for file in artifact.manifest["files"]}
    weights = "+".join(digests[name] for name in artifact.manifest["weights"])
    try:
        library = version("xllamacpp")
    except PackageNotFoundError:
        library = "own"
    machine = f"{_processor()}/{usable_cores()}"
    return f"{weights} on {machine} by {library} in {slots} slots of at most {most} threads"


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _read(cache: Path) -> dict[str, dict[str, int]]:
    try:
        return dict(json.loads(cache.read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def _write(cache: Path, known: Mapping[str, object]) -> None:
    """Remember; where nothing can be written, the next start measures again."""
    partial = cache.with_name(f".{cache.name}.partial")
    with suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(known, indent=1))
        partial.replace(cache)
