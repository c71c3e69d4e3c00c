"""Builds, and asks the engine that serves the result."""

from pathlib import Path
from typing import Any

import numpy as np

from common.artifact import Artifact
from common.tokenizer import ModelTokenizer
from quantization.build.artifact import build
from quantization.progress import silent
from quantization.recipes import find_recipe
from worker.engines import create_engine
from worker.engines.settings import EngineSettings, Quantization

#: A text of the tiny model.
IDS = [5, 80, 99, 104, 101, 120, 40, 41, 3, 200, 17, 60]


def built(source: Artifact, recipe: str, state_dir: Path) -> Artifact:
    directory = state_dir / "models" / f"{source.name}-{recipe}"
    return build(source, find_recipe(recipe), directory, state_dir, report=print, track=silent)


def logits(artifact: Artifact, engine: str, precision: str = "fp32") -> Any:
    """[len(IDS), vocab] from the engine that serves it."""
    settings = EngineSettings(
        slots=1, context_size=64, scoring=True, quantization=Quantization(precision)
    )
    served: Any = create_engine(engine, settings, artifact, ModelTokenizer.load(artifact))
    served.load()
    try:
        return np.concatenate(list(served.score(IDS)))
    finally:
        served.close()
