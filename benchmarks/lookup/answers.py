"""Explanations of an engine in a process of its own, with or without prompt lookup."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from api.explain.__main__ import answer
from benchmarks.engine.contenders import Contender, Outcome, Prompts
from common.artifact import Artifact, open_artifact
from common.prompt import Prompt
from common.sampling import Sampling
from common.tokenizer import ModelTokenizer
from worker.engines import create_engine
from worker.engines.base import Completion, Engine, Generation
from worker.engines.settings import EngineSettings, Quantization

SLOTS, CONTEXT_TOKENS = 3, 1024

#: What is explained: as users ask.
_CONTEXTS: tuple[dict[str, Any], ...] = (
    {"analysis_type": "options", "strike": 155, "iv_rank": 65, "greeks": {"delta": 0.42}},
    {"analysis_type": "technical", "rsi": 71, "sma_50": 148.2, "sma_200": 139.9},
    {"analysis_type": "earnings", "eps_actual": 1.46, "eps_estimate": 1.39},
    {"analysis_type": "fundamental", "pe_ratio": 28.5, "dividend_yield_percent": 0.5},
    {"analysis_type": "risk", "beta": 1.3, "var_95": 4200},
    {"analysis_type": "macro", "inflation_rate": 3.1, "unemployment_rate": 4.0},
)


@dataclass(frozen=True, slots=True)
class Explained(Outcome):
    """Of their tokens some were drafted and right."""

    drafted: int
    accepted: int


class Explainer:
    """Implements Contender; a prompt has the same seed whoever is asked."""

    def __init__(self, model: Path, precision: str, draft_tokens: int, temperature: float) -> None:
        self._engine = _open(open_artifact(model), precision, draft_tokens)
        self._temperature = temperature

    def run(self, prompts: Prompts, streams: int, max_tokens: int) -> Explained:
        def explain(number: int) -> Completion:
            sampling = Sampling(max_tokens, temperature=self._temperature, seed=number)
            request = Generation(prompts[number], sampling)
            return self._engine.generate(request, lambda _: None, Event())

        with ThreadPoolExecutor(streams) as callers:
            started = time.perf_counter()
            made = list(callers.map(explain, range(len(prompts))))
            seconds = time.perf_counter() - started
        return Explained(
            tokens=sum(one.new_tokens for one in made),
            seconds=seconds,
            drafted=sum(one.drafted_tokens for one in made),
            accepted=sum(one.accepted_tokens for one in made),
        )

    def close(self) -> None:
        self._engine.close()


def build(
    model: Path, precision: str, draft_tokens: int, temperature: float
) -> dict[str, Contender]:
    """For a process of its own."""
    return {"explain": Explainer(model, precision, draft_tokens, temperature)}


def explanations(model: Path, turn: int) -> Prompts:
    """The prompts that ``/explain`` makes, of another share in each turn."""
    tokenizer = ModelTokenizer.load(open_artifact(model))
    lines = (json.dumps(context | {"symbol": f"T{turn}"}) for context in _CONTEXTS)
    return [tokenizer.encode(Prompt.from_dict(answer(line)["prompt"])) for line in lines]


def _open(artifact: Artifact, precision: str, draft_tokens: int) -> Engine:
    name = "llamacpp" if precision == "llamacpp" else "transformers"
    settings = EngineSettings(
        slots=SLOTS,
        context_size=CONTEXT_TOKENS,
        n_gpu_layers=0,
        quantization=Quantization(precision) if name == "transformers" else Quantization.INT4,
        prompt_lookup_tokens=draft_tokens,
    )
    engine = create_engine(name, settings, artifact, ModelTokenizer.load(artifact))
    engine.load()
    return engine
