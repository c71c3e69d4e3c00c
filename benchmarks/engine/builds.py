"""What is built in a process of its own, by functions that such a process can import."""

from importlib.resources import files

from benchmarks.engine.contenders import (
    Contender,
    ContinuousBatching,
    OneByOne,
    Slots,
    open_engine,
)
from benchmarks.engine.settings import EngineBenchSettings
from benchmarks.engine.stall import Stall, measure_stall
from common.artifact import Artifact
from common.prompt import Prompt
from common.tokenizer import ModelTokenizer
from quantization.measure.speed import Endless
from worker.engines.settings import EngineSettings, Quantization
from worker.engines.transformers.loading import load_model

#: Where the precisions are compared with each other, and with one prompt after the other.
STREAMS = 3


def ours_in_slots(
    artifact: Artifact, precision: Quantization, streams: int
) -> dict[str, Contender]:
    """The slot engine."""
    return {"slots": Slots(artifact, precision, streams)}


def transformers_own(
    artifact: Artifact, precision: Quantization, streams: int, max_tokens: int
) -> dict[str, Contender]:
    """The two ways of transformers itself, over one model."""
    model = load_model(artifact, EngineSettings(quantization=precision))
    return {
        "continuous batching": ContinuousBatching(model, streams, max_tokens),
        "one by one": OneByOne(model),
    }


def stall(artifact: Artifact, precision: Quantization, settings: EngineBenchSettings) -> Stall:
    """What long prompts cost the slots that decode."""
    endless = Endless(ModelTokenizer.load(artifact))
    engine = open_engine(artifact, precision, STREAMS, endless)
    try:
        return measure_stall(engine, evaluation_ids(artifact)[: settings.long_prompt_tokens])
    finally:
        engine.close()


def evaluation_ids(artifact: Artifact) -> list[int]:
    """The evaluation text in tokens."""
    text = files("quantization").joinpath("data", "evaluation.txt").read_text("utf-8")
    return ModelTokenizer.load(artifact).encode(Prompt(text=text))
