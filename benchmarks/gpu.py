"""``python benchmarks/gpu.py``: the serving engine on one GPU, beside what its memory allows.

Offline, on random weights in the shapes of Llama 2 7B, in less than ten minutes. Each part runs in
a process of its own, for so long at most: one that fails or hangs does not end the others, and
what it found by then counts. No GPU has run it yet.
``--tiny`` runs every part on a small model and on any device: it measures nothing, and shows that
it all works.
"""

import argparse
import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
if sys.path[0] == str(Path(__file__).parent):
    sys.path[0] = str(ROOT)  # else the modules beside this one hide others of the same name

from benchmarks.roofline.apart import run_apart  # noqa: E402
from benchmarks.roofline.needs import lacking  # noqa: E402
from benchmarks.roofline.parts import MODEL, PARTS, Bench, run, run_all  # noqa: E402
from benchmarks.roofline.report import rows  # noqa: E402
from benchmarks.roofline.settings import (  # noqa: E402
    LLAMA_2_7B,
    TINY,
    GpuBenchSettings,
    tiny_settings,
)
from benchmarks.rows import save  # noqa: E402

NO_GPU = 2
#: Twice the weights of Llama 2 7B would not be needed; once and what else is written is.
_ROOM_BYTES = 16_000_000_000


def main(arguments: list[str]) -> int:
    """Exit status 0; 1 where a goal is missed or a part failed; 2 without a GPU."""
    options = _options(arguments)
    scale, settings = (TINY, tiny_settings()) if options.tiny else (LLAMA_2_7B, GpuBenchSettings())
    if options.part:
        run(options.part, Bench(scale, settings, options.directory))
        return 0
    on_gpu = _has_gpu()
    if not options.tiny and not on_gpu:
        print("no GPU: not run (--tiny runs every part on a CPU, and measures nothing)")  # noqa: T201
        return NO_GPU
    absent = lacking(on_gpu=on_gpu)
    left_out = {"service"} if options.without_service else set()
    if "gemlite" in absent:  # it is no package of ours
        print(f"gemlite: left out, {absent.pop('gemlite')}")  # noqa: T201
        left_out.add("gemlite")
    parts = [part for part in (MODEL, *PARTS) if part.name not in {*left_out, *absent}]
    with tempfile.TemporaryDirectory(prefix="caravan-gpu-") as place:
        bench = Bench(scale, settings, Path(place))
        if not options.tiny and shutil.disk_usage(place).free < _ROOM_BYTES:
            print(f"{place} has too little room: 16 GB are needed; TMPDIR names another place")  # noqa: T201
            return 1
        start = partial(_here if options.tiny else _apart, bench)
        found, missing = run_all(parts, start, bench.kept, settings.seconds)
    return _report(found, {**absent, **missing}, settings, options)


def _report(
    found: dict[str, Any], missing: dict[str, str], settings: GpuBenchSettings, options: Any
) -> int:
    told = rows(found, missing)
    if options.out or not options.tiny:
        name = str(options.out.resolve().with_suffix("")) if options.out else "gpu"
        status = save(name, settings, told, found=found, missing=missing)
        return (1 if missing else 0) if options.tiny else status
    for row in told:
        print(row)  # noqa: T201
    return 1 if missing else 0


def _here(bench: Bench, part: str, seconds: float) -> None:
    del seconds
    run(part, bench)


def _apart(bench: Bench, part: str, seconds: float) -> None:
    """In a process of its own, which keeps what it finds. Raises RuntimeError."""
    print(f"{part}: {seconds:.0f} s at most ...", flush=True)  # noqa: T201
    began = time.monotonic()
    arguments = ["-m", "benchmarks.gpu", "--part", part, "--directory", str(bench.directory)]
    run_apart(arguments, ROOT, bench.directory / f"{part}.log", seconds)
    print(f"{part}: {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201


def _has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/gpu.py", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a small model, on any device")
    parser.add_argument(
        "--without-service", action="store_true", help="not once more through the real stack"
    )
    parser.add_argument("--out", type=Path, help="write the JSON here, not to docs/benchmarks")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
