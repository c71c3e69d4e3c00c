"""``python benchmarks/gpu.py``: the serving engine on one GPU, beside what its memory allows.

Offline, on random weights in the shapes of Llama 2 7B, in less than ten minutes. Each part runs in
a process of its own: one that fails does not end the others. No GPU has run it yet.
``--tiny`` runs every part on a small model and on any device: it measures nothing, and shows that
it all works.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
if sys.path[0] == str(Path(__file__).parent):
    sys.path[0] = str(ROOT)  # else the modules beside this one hide others of the same name

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
        bench = Bench(scale, settings, options.directory)
        _file(options.directory, options.part).write_text(json.dumps(run(options.part, bench)))
        return 0
    if not options.tiny and not _has_gpu():
        print("no GPU: not run (--tiny runs every part on a CPU, and measures nothing)")  # noqa: T201
        return NO_GPU
    chosen = [part for part in (MODEL, *PARTS) if part.name != "service" or options.through_service]
    with tempfile.TemporaryDirectory(prefix="caravan-gpu-") as place:
        bench = Bench(scale, settings, Path(place))
        if not options.tiny and shutil.disk_usage(place).free < _ROOM_BYTES:
            print(f"{place} has too little room: 16 GB are needed; TMPDIR names another place")  # noqa: T201
            return 1
        start = partial(_here if options.tiny else _apart, bench)
        found, missing = run_all(chosen, start, settings.seconds)
    return _report(found, missing, settings, options)


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


def _here(bench: Bench, part: str, seconds: float) -> Any:
    del seconds
    return run(part, bench)


def _apart(bench: Bench, part: str, seconds: float) -> Any:
    """In a process of its own, which ends with what it found. Raises RuntimeError."""
    print(f"{part} ...", flush=True)  # noqa: T201
    command = [sys.executable, "-m", "benchmarks.gpu", "--part", part]
    log = bench.directory / f"{part}.log"
    with log.open("w") as output:
        try:
            subprocess.run(
                [*command, "--directory", str(bench.directory)],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=True,
            )
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"did not end within the {seconds:.0f} s that were left") from None
        except subprocess.CalledProcessError as error:
            tail = log.read_text(errors="replace")[-1500:]
            raise RuntimeError(f"ended with status {error.returncode}: {tail}") from None
    return json.loads(_file(bench.directory, part).read_text())


def _file(directory: Path, part: str) -> Path:
    return directory / f"{part}.json"


def _has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/gpu.py", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a small model, on any device")
    parser.add_argument(
        "--through-service", action="store_true", help="once more through the real stack"
    )
    parser.add_argument("--out", type=Path, help="write the JSON here, not to docs/benchmarks")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
