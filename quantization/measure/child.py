"""``python -m quantization.measure.child``: one task in a process of its own.

Reads the task as JSON from stdin; writes lines of JSON to stdout: ``{"advance": steps}`` as it
goes, then ``{"result": ...}`` or ``{"error": sentence}``.
"""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from common.artifact import ArtifactError, open_artifact
from common.tokenizer import ModelTokenizer
from quantization.measure.gpu import find_gpu
from quantization.measure.memory import peak_bytes
from quantization.measure.quality import score_candidate, score_reference
from quantization.measure.speed import Endless, Spread, decode_rate, first_token
from worker.engines import create_engine
from worker.engines.base import Engine, EngineError
from worker.engines.settings import EngineSettings, Quantization


def measure_speed(task: dict[str, Any]) -> dict[str, Any]:
    """Load time, first token, decode rates by batch, peak memory."""
    started = time.monotonic()
    engine = _open(task, slots=task["slots"])
    load_seconds = time.monotonic() - started
    engine.warmup()
    gpu = find_gpu(engine.info().device)
    prompts = task["prompts"]
    first_token(engine, prompts[-1])
    result: dict[str, Any] = {"load_seconds": load_seconds, "decode": {}, "joules_per_token": {}}
    repeats = range(task["repeats"])
    if 1 in task["batches"]:
        times = [first_token(engine, prompts[repeat % len(prompts)]) for repeat in repeats]
        _advance(len(times))
        result["first_token"] = asdict(Spread.of(times))
    for batch in task["batches"]:
        before = gpu.joules() if gpu else None
        rates = []
        for _ in repeats:
            rates.append(decode_rate(engine, prompts[:batch], task["new_tokens"]))
            _advance(1)
        after = gpu.joules() if gpu else None
        result["decode"][str(batch)] = asdict(Spread.of(rates))
        if before is not None and after is not None:
            tokens = batch * task["new_tokens"] * task["repeats"]
            result["joules_per_token"][str(batch)] = (after - before) / tokens
    info = engine.info()
    result |= {
        "peak_memory_bytes": peak_bytes(gpu),
        "engine_memory_bytes": info.memory_bytes,
        "device": gpu.name if gpu else "cpu",
        "details": info.details,
        "gpu_layers": info.gpu_layers,
    }
    engine.close()
    return result


def measure_quality(task: dict[str, Any]) -> dict[str, Any]:
    """Score the windows of the task, into files."""
    engine: Any = _open(task, slots=1, scoring=True)
    directory = Path(task["directory"])
    if task["kept"] is None:
        reference = Path(task["reference"]) if task["reference"] else None
        score_candidate(engine, task["windows"], directory, reference, _advance)
    else:
        score_reference(engine, task["windows"], task["kept"], directory, _advance)
    engine.close()
    return {}


def _open(task: dict[str, Any], *, slots: int, scoring: bool = False) -> Engine:
    artifact = open_artifact(Path(task["model"]))
    settings = EngineSettings(
        slots=slots,
        context_size=task["context_size"],
        quantization=Quantization(task["quantization"]),
        n_gpu_layers=-1,
        prompt_lookup_tokens=0,
        scoring=scoring,
    )
    tokenizer = Endless(ModelTokenizer.load(artifact))
    engine = create_engine(task["engine"], settings, artifact, tokenizer)
    engine.load()
    return engine


def _advance(steps: int) -> None:
    _say({"advance": steps})


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


def main() -> int:
    """Run the task on stdin; return the exit status."""
    task = json.load(sys.stdin)
    run = {"speed": measure_speed, "quality": measure_quality}[task["kind"]]
    try:
        _say({"result": run(task)})
    except (ArtifactError, EngineError, OSError) as error:
        _say({"error": str(error)})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
