"""The parts of the run, the most wanted first; each runs in a process of its own on a GPU."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.roofline.settings import GpuBenchSettings, Scale
from worker.engines.settings import Quantization

#: By the name of the part; INT8 is without outliers, so that nothing waits for the device.
PRECISIONS = {
    "int4-fast": Quantization.INT4_FAST,
    "fp16": Quantization.FP16,
    "int8": Quantization.INT8,
    "nf4": Quantization.NF4,
}
#: The four-bit ones: the fastest of them is held against the goals, and serves.
INT4 = ("int4-fast", "nf4")
#: Those that eager transformers has too.
CONTROLLED = ("fp16", "int8", "nf4")


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured, how much of it, and where its files go."""

    scale: Scale
    settings: GpuBenchSettings
    directory: Path

    def keep(self, part: str, found: Mapping[str, Any]) -> None:
        """Write what ``part`` found so far: what ends it later does not take that away."""
        unfinished = self.directory / f"{part}.unfinished"
        unfinished.write_text(json.dumps(found))
        unfinished.replace(self._file(part))

    def kept(self, part: str) -> dict[str, Any]:
        """What ``part`` found; {} if it found nothing."""
        file = self._file(part)
        return dict(json.loads(file.read_text())) if file.exists() else {}

    def _file(self, part: str) -> Path:
        return self.directory / f"{part}.json"


@dataclass(frozen=True, slots=True)
class Part:
    """``seconds`` is what it takes on a GPU, guessed: none has run it yet; ``most`` ends it."""

    name: str
    seconds: float
    most: float


#: Without the model nothing goes on.
MODEL = Part("model", 60, 180)
PARTS: Sequence[Part] = (
    Part("bandwidth", 15, 45),
    Part("int4-fast", 55, 110),
    Part("fp16", 55, 110),
    Part("int8", 55, 110),
    Part("nf4", 55, 110),
    Part("service", 80, 150),
    Part("linears", 45, 90),
    Part("eager", 80, 120),
    Part("gemlite", 40, 90),
)


def run(name: str, bench: Bench) -> None:
    """Run the part ``name``, and keep what it finds as it finds it."""
    found: dict[str, Any] = {}
    for more in _works()[name](bench):
        found |= more
        bench.keep(name, found)


def run_all(
    parts: Sequence[Part],
    start: Callable[[str, float], None],
    kept: Callable[[str], dict[str, Any]],
    limit: float,
) -> tuple[dict[str, Any], dict[str, str]]:
    """What the parts found by name, and why others, or the rest of them, are missing.

    ``start`` is told a part's name and how many seconds it may take; no part is begun that would
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
            start(part.name, min(left, part.most))
        except Exception as error:  # noqa: BLE001 - the other parts are worth something without it
            missing[part.name] = f"{type(error).__name__}: {error}"
        if kept(part.name):
            found[part.name] = kept(part.name)
        if part.name == MODEL.name and part.name in missing:
            break
    return found, missing


def fastest_int4(found: Mapping[str, Any]) -> str | None:
    """The four-bit part that decodes the fastest alone; None where none got so far."""
    ran = [name for name in INT4 if "1" in found.get(name, {}).get("decode", {})]
    return max(ran, key=lambda name: found[name]["decode"]["1"]["median"]) if ran else None


def _works() -> dict[str, Callable[[Bench], Iterator[dict[str, Any]]]]:
    return {
        "model": _model,
        "bandwidth": _bandwidth,
        "linears": _linears,
        "gemlite": _gemlite,
        "service": _service,
        "eager": _eager,
        **{name: partial(_precision, name) for name in PRECISIONS},
    }


def _model(bench: Bench) -> Iterator[dict[str, Any]]:
    from benchmarks.roofline.model import write_model

    artifact = write_model(bench.directory / "model", bench.scale, _device())
    yield {"parameters": artifact.parameters, "bytes": artifact.bytes}


def _bandwidth(bench: Bench) -> Iterator[dict[str, Any]]:
    from benchmarks.roofline.bandwidth import copy_bandwidth, describe

    device = _device()
    yield {
        "bytes_per_second": copy_bandwidth(device, bench.scale.copied_bytes),
        "device": describe(device),
    }


def _linears(bench: Bench) -> Iterator[dict[str, Any]]:
    from benchmarks.roofline.linears import FORMATS, compare

    yield from compare(FORMATS, bench.scale, _device())


def _gemlite(bench: Bench) -> Iterator[dict[str, Any]]:
    from benchmarks.roofline.linears import GEMLITE, compare

    yield from compare(GEMLITE, bench.scale, _device())


def _precision(name: str, bench: Bench) -> Iterator[dict[str, Any]]:
    from benchmarks.roofline.serving import measure

    yield from measure(_artifact(bench), PRECISIONS[name], bench.scale, bench.settings)


def _eager(bench: Bench) -> Iterator[dict[str, Any]]:
    from benchmarks.roofline.control import measure

    for name in CONTROLLED:
        try:
            rates = measure(_artifact(bench), PRECISIONS[name], bench.scale, bench.settings)
        except Exception as error:  # noqa: BLE001 - the others are worth something without it
            rates = {"failed": f"{type(error).__name__}: {error}"}
        yield {name: rates}


def _service(bench: Bench) -> Iterator[dict[str, Any]]:
    from benchmarks.roofline.service import measure

    best = fastest_int4({name: bench.kept(name) for name in INT4}) or INT4[0]
    told = measure(_artifact(bench), PRECISIONS[best], bench.directory, bench.settings)
    yield {"precision": best, **told}


def _artifact(bench: Bench) -> Any:
    from common.artifact import open_artifact

    return open_artifact(bench.directory / "model")


def _device() -> Any:
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
