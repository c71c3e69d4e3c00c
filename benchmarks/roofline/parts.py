"""The parts of the run, the most wanted first; each runs in a process of its own on a GPU."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.roofline.settings import GpuBenchSettings, Scale
from worker.engines.base import EngineError
from worker.engines.settings import Quantization

#: By the name of the part; INT8 is without outliers, so that nothing waits for the device.
PRECISIONS = {
    "int4-fast": Quantization.INT4_FAST,
    "fp16": Quantization.FP16,
    "int8": Quantization.INT8,
    "nf4": Quantization.NF4,
}
#: Those that eager transformers has too.
CONTROLLED = ("fp16", "int8", "nf4")


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured, how much of it, and where its files go."""

    scale: Scale
    settings: GpuBenchSettings
    directory: Path


@dataclass(frozen=True, slots=True)
class Part:
    """``seconds`` is what it takes on a GPU, guessed: none has run it yet."""

    name: str
    seconds: float


#: Without the model nothing goes on.
MODEL = Part("model", 60)
PARTS: Sequence[Part] = (
    Part("bandwidth", 15),
    Part("int4-fast", 60),
    Part("fp16", 80),
    Part("int8", 80),
    Part("nf4", 70),
    Part("service", 100),
    Part("linears", 60),
)


def run(name: str, bench: Bench) -> Any:
    """What the part ``name`` finds."""
    return _works()[name](bench)


def run_all(
    parts: Sequence[Part], start: Callable[[str, float], Any], limit: float
) -> tuple[dict[str, Any], dict[str, str]]:
    """What the parts found by name, and why others are missing.

    ``start`` is told a part's name and how many seconds are left; no part is begun that would
    end after ``limit`` seconds.
    """
    found: dict[str, Any] = {}
    missing: dict[str, str] = {}
    began = time.monotonic()
    for part in parts:
        left = limit - (time.monotonic() - began)
        if part.seconds > left:
            missing[part.name] = f"takes {part.seconds:.0f} s, and {max(left, 0):.0f} s were left"
            continue
        try:
            found[part.name] = start(part.name, left)
        except Exception as error:  # noqa: BLE001 - the other parts are worth something without it
            missing[part.name] = str(error)
            if part is MODEL:
                break
    return found, missing


def _works() -> dict[str, Callable[[Bench], Any]]:
    return {
        "model": _model,
        "bandwidth": _bandwidth,
        "linears": _linears,
        "service": _service,
        **{name: partial(_precision, name) for name in PRECISIONS},
    }


def _model(bench: Bench) -> dict[str, int]:
    from benchmarks.roofline.model import write_model

    artifact = write_model(bench.directory / "model", bench.scale, _device())
    return {"parameters": artifact.parameters, "bytes": artifact.bytes}


def _bandwidth(bench: Bench) -> dict[str, Any]:
    from benchmarks.roofline.bandwidth import copy_bandwidth, describe

    device = _device()
    rate = copy_bandwidth(device, bench.scale.copied_bytes)
    return {"bytes_per_second": rate, "device": describe(device)}


def _linears(bench: Bench) -> Any:
    from benchmarks.roofline.linears import compare

    return compare(bench.scale, _device())


def _precision(name: str, bench: Bench) -> dict[str, Any]:
    from benchmarks.roofline import control, serving
    from common.artifact import open_artifact

    asked = open_artifact(bench.directory / "model"), PRECISIONS[name], bench.scale, bench.settings
    found = serving.measure(*asked)
    if name in CONTROLLED:
        try:
            found["eager"] = control.measure(*asked)
        except (RuntimeError, EngineError) as error:  # what is ours is measured by now
            found["eager_failed"] = str(error)
    return found


def _service(bench: Bench) -> dict[str, Any]:
    from benchmarks.roofline import service
    from common.artifact import open_artifact

    artifact = open_artifact(bench.directory / "model")
    return service.measure(artifact, Quantization.INT4_FAST, bench.directory, bench.settings)


def _device() -> Any:
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
