"""``python -m benchmarks.engine``: the slot engine beside transformers' own ways, in one run.

Whole jobs, prefill included: the same prompts and weights, answered in turn by our slots, by
transformers' continuous batching and by ``generate`` one by one.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings

from benchmarks.engine.contenders import (
    Contender,
    ContinuousBatching,
    OneByOne,
    Outcome,
    Prompts,
    Slots,
)
from benchmarks.pairs import ratio
from common.artifact import Artifact
from common.prompt import Prompt
from common.settings import CommonSettings
from common.tokenizer import ModelTokenizer
from quantization.commands.options import full_precision, report
from quantization.measure.machine import command, machine, versions
from worker.engines.settings import EngineSettings, Quantization
from worker.engines.transformers.loading import load_model

REPORT = Path(__file__).parents[2] / "docs" / "benchmarks" / "engine.json"
#: Least ratio of our tokens per second to a peer's, by streams.
GOALS: Mapping[str, Mapping[int, float]] = {
    "continuous batching": {3: 1.4, 8: 1.7, 16: 1.7},
    "one by one": {3: 2.0},
}


class EngineBenchSettings(BaseSettings):
    """Read from the environment, as ENGINE_BENCH_ROUNDS and so on."""

    model_config = {"env_prefix": "ENGINE_BENCH_"}

    rounds: int = Field(7, ge=1, description="turns of each way")
    precisions: str = "bf16 nf4"
    streams: str = "1 3 8 16"
    prompt_tokens: int = Field(100, ge=1, le=800)
    max_tokens: int = Field(48, ge=1, le=200)


def main() -> int:
    """Measure, save and print; exit status 1 where a goal is missed."""
    settings = EngineBenchSettings()
    artifact = full_precision(None, CommonSettings().state_dir)
    rows = [
        row
        for precision in settings.precisions.split()
        for row in _compare(artifact, Quantization(precision), settings)
    ]
    REPORT.write_text(json.dumps(_context(settings) | {"rows": rows}, indent=1) + "\n")
    missed = [row for row in rows if row["goal"] and row["ratio"]["median"] < row["goal"]]
    return 1 if missed else 0


def _compare(
    artifact: Artifact, precision: Quantization, settings: EngineBenchSettings
) -> Iterator[dict[str, Any]]:
    """A row for each peer and number of streams."""
    for streams in map(int, settings.streams.split()):
        model = load_model(artifact, EngineSettings(quantization=precision))
        ways: dict[str, Contender] = {
            "slots": Slots(artifact, precision, streams),
            "continuous batching": ContinuousBatching(model, streams),
            "one by one": OneByOne(model),
        }
        asked = _prompts(artifact, settings.prompt_tokens, 2 * streams)
        runs = _in_turn(ways, asked, streams, settings)
        ours = [run.tokens_per_second for run in runs["slots"]]
        for peer in GOALS:
            theirs = [run.tokens_per_second for run in runs[peer]]
            row = {
                "precision": precision.value,
                "streams": streams,
                "peer": peer,
                "ours_tokens_per_second": median(ours),
                "peer_tokens_per_second": median(theirs),
                "ratio": asdict(ratio(ours, theirs)),
                "goal": GOALS[peer].get(streams),
            }
            report(_line(row))
            yield row


def _in_turn(
    ways: Mapping[str, Contender], asked: Prompts, streams: int, settings: EngineBenchSettings
) -> dict[str, list[Outcome]]:
    """The outcomes of each way; the first round warms up and is left out."""
    runs: dict[str, list[Outcome]] = {name: [] for name in ways}
    for turn in range(settings.rounds + 1):
        for name, way in ways.items():
            outcome = way.run(asked, streams, settings.max_tokens)
            if turn:
                runs[name].append(outcome)
    ways["slots"].close()
    return runs


def _prompts(artifact: Artifact, length: int, count: int) -> list[list[int]]:
    """Different stretches of the evaluation text, ``length`` tokens each."""
    text = files("quantization").joinpath("data", "evaluation.txt").read_text("utf-8")
    ids = ModelTokenizer.load(artifact).encode(Prompt(text=text))
    step = (len(ids) - length) // count
    return [ids[start * step : start * step + length] for start in range(count)]


def _line(row: Mapping[str, Any]) -> str:
    spread = row["ratio"]
    goal = f", goal {row['goal']}" if row["goal"] else ""
    return (
        f"{row['precision']:>5} {row['streams']:>2} streams: {row['ours_tokens_per_second']:6.1f} "
        f"tokens/s, {row['peer']} {row['peer_tokens_per_second']:6.1f}: "
        f"{spread['median']:.2f} ({spread['low']:.2f} to {spread['high']:.2f}{goal})"
    )


def _context(settings: EngineBenchSettings) -> dict[str, Any]:
    return {
        "command": command(),
        "machine": machine(),
        "versions": versions(),
        "settings": settings.model_dump(),
    }


if __name__ == "__main__":
    sys.exit(main())
