"""The engine that serves, in one precision: decode rates, explanations, soundness, memory."""

import gc
import logging
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from threading import Event
from typing import Any

import torch

from benchmarks.roofline.loop import closed_loop
from benchmarks.roofline.settings import GpuBenchSettings, Scale
from common.artifact import Artifact
from common.sampling import Sampling
from common.tokenizer import ModelTokenizer
from quantization.measure.memory import peak_bytes
from quantization.measure.speed import Endless, Spread, decode_rate, first_token
from quantization.recipes import find_recipe
from worker.engines.base import Generation
from worker.engines.settings import EngineSettings, Quantization
from worker.engines.transformers.engine import TransformersEngine

#: Streams that decode together; the last one is the number of slots.
BATCHES = (1, 3, 8)
#: Those that answer all explanations; the others a third.
FULL = (Quantization.INT4_FAST, Quantization.NF4)
#: The temperature that /explain has unless a request says otherwise.
_TEMPERATURE = 0.1


def measure(
    artifact: Artifact, precision: Quantization, scale: Scale, settings: GpuBenchSettings
) -> Iterator[dict[str, Any]]:
    """Everything that is asked of one precision, as it is found."""
    warnings = _Warnings()
    logging.getLogger("worker.engines").addHandler(warnings)
    began = time.perf_counter()
    engine = open_engine(artifact, precision, settings)
    load_seconds = time.perf_counter() - began
    try:
        engine.warmup()
        info = engine.info()
        yield {
            "load_seconds": load_seconds,
            "device": info.device,
            "details": info.details,
            "warnings": warnings.said,
            "weights_bytes": (info.memory_bytes or 0) - info.details["kv_cache_bytes"],
            "read_bytes": step_bytes(precision, scale, settings),
        }
        yield from _timed(engine, precision, scale, settings)
        yield {"peak_memory_bytes": peak_memory(info.device)}
    finally:
        engine.close()
        gc.collect()


class _Warnings(logging.Handler):
    """Keeps what the engine warned of while it loaded, such as a graph that was not recorded."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def _timed(
    engine: TransformersEngine, precision: Quantization, scale: Scale, settings: GpuBenchSettings
) -> Iterator[dict[str, Any]]:
    """No prompt is asked twice: what a slot still holds of it would be a gift."""
    count = settings.explanations if precision in FULL else max(2, settings.explanations // 3)
    made = iter(prompts(scale, settings.prompt_tokens, settings.rounds + BATCHES[-1] + count))
    firsts = [first_token(engine, next(made)) for _ in range(settings.rounds)]
    yield {"first_token_seconds": asdict(Spread.of(firsts))}
    together, decode = list(islice(made, BATCHES[-1])), {}
    for streams in BATCHES:
        chosen = together[:streams]
        rates = [
            decode_rate(engine, chosen, settings.decode_tokens) for _ in range(settings.rounds)
        ]
        decode[str(streams)] = asdict(Spread.of(rates))
        yield {"decode": decode}
    yield {"explanations": explanations(engine, list(made), settings)}
    yield soundness(engine, together[0], settings.answer_tokens)


def open_engine(
    artifact: Artifact, precision: Quantization, settings: GpuBenchSettings
) -> TransformersEngine:
    """As the worker builds it, but that no token ends an answer, and nothing is drafted.

    Random weights repeat themselves as no text does: drafts would come true.
    """
    chosen = EngineSettings(
        slots=BATCHES[-1],
        quantization=precision,
        context_size=settings.context_size,
        int8_threshold=0.0,
        prompt_lookup_tokens=0,
        scoring=True,
    )
    engine = TransformersEngine(chosen, artifact, Endless(ModelTokenizer.load(artifact)))
    engine.load()
    return engine


def prompts(scale: Scale, length: int, count: int) -> list[list[int]]:
    """Different ones, so that nothing of one helps another."""
    dice = random.Random(0)
    return [[dice.randrange(scale.vocabulary) for _ in range(length)] for _ in range(count)]


def explanations(
    engine: TransformersEngine, asked: Sequence[Sequence[int]], settings: GpuBenchSettings
) -> dict[str, float]:
    """Answers to all of ``asked``, so many at once."""

    def answer(number: int) -> None:
        sampling = Sampling(settings.answer_tokens, temperature=_TEMPERATURE, seed=number)
        engine.generate(Generation(asked[number], sampling), _ignore, Event())

    return closed_loop(answer, len(asked), settings.concurrency)


def soundness(engine: TransformersEngine, prompt: Sequence[int], tokens: int) -> dict[str, float]:
    """How far log-probabilities of decoding lie from those of one pass over everything.

    Graphs, padded batches and the cache are in the first and not in the second.
    """
    made: list[Any] = []
    done = engine.generate(
        Generation(prompt, Sampling(tokens, temperature=0)), made.extend, Event()
    )
    pieces = [torch.from_numpy(piece) for piece in engine.score([*prompt, *done.token_ids[:-1]])]
    likely = torch.cat(pieces)[len(prompt) - 1 :].log_softmax(-1)
    expected = likely.gather(1, torch.tensor(done.token_ids)[:, None])[:, 0]
    told = torch.tensor([token.logprob for token in made])
    moved = (told - expected).abs()
    return {"mean_difference": float(moved.mean()), "greatest_difference": float(moved.max())}


def step_bytes(precision: Quantization, scale: Scale, settings: GpuBenchSettings) -> dict[str, int]:
    """Bytes that a step has to read, by streams: weights once, keys and values of each.

    Of the embedding a step reads a row a stream, which is nothing; the output layer has 16 bits.
    """
    layer = 4 * scale.hidden**2 + 3 * scale.hidden * scale.intermediate
    weights = int(scale.layers * layer * find_recipe(precision.value).bits / 8)
    weights += 2 * scale.vocabulary * scale.hidden
    position = 2 * scale.layers * scale.hidden * 2
    cached = position * (settings.prompt_tokens + settings.decode_tokens // 2)
    return {str(n): weights + n * cached for n in BATCHES}


def peak_memory(device: str) -> int:
    """Bytes: on a GPU the most that tensors took, and what the driver counts beside torch's.

    The latter are the CUDA context, the graphs and the libraries; another process's, too.
    """
    if device == "cpu":
        return peak_bytes(None)
    free, total = torch.cuda.mem_get_info()
    beside: int = max(0, total - free - torch.cuda.memory_reserved())
    most: int = torch.cuda.max_memory_allocated()
    return most + beside


def _ignore(tokens: object) -> None:
    pass
