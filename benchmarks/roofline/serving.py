"""The engine that serves, in one precision: decode rates, explanations, memory, soundness."""

import gc
import random
import time
from collections.abc import Sequence
from dataclasses import asdict
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
from worker.engines.base import Generation
from worker.engines.settings import EngineSettings, Quantization
from worker.engines.transformers.engine import TransformersEngine

#: Streams that decode together; the last one is the number of slots.
BATCHES = (1, 3, 8)
#: The temperature that /explain has unless a request says otherwise.
_TEMPERATURE = 0.1


def measure(
    artifact: Artifact, precision: Quantization, scale: Scale, settings: GpuBenchSettings
) -> dict[str, Any]:
    """Everything that is asked of one precision."""
    began = time.perf_counter()
    engine = open_engine(artifact, precision, settings)
    load_seconds = time.perf_counter() - began
    engine.warmup()
    asked = prompts(scale, settings.prompt_tokens, settings.explanations)
    result = {
        "load_seconds": load_seconds,
        "first_token_seconds": asdict(
            Spread.of([first_token(engine, asked[n % len(asked)]) for n in range(settings.rounds)])
        ),
        "decode": {str(n): _decode(engine, asked, n, settings) for n in BATCHES},
        "explanations": explanations(engine, asked, settings),
        "greatest_difference": soundness(engine, asked[0], settings.answer_tokens),
    }
    info = engine.info()
    weights_bytes = (info.memory_bytes or 0) - info.details["kv_cache_bytes"]
    result |= {
        "peak_memory_bytes": peak_memory(info.device),
        "weights_bytes": weights_bytes,
        "read_bytes": step_bytes(weights_bytes, scale, settings),
        "device": info.device,
        "details": info.details,
    }
    engine.close()
    gc.collect()
    return result


def open_engine(
    artifact: Artifact, precision: Quantization, settings: GpuBenchSettings
) -> TransformersEngine:
    """As the worker builds it, but that no token ends an answer."""
    chosen = EngineSettings(
        slots=BATCHES[-1],
        quantization=precision,
        context_size=settings.context_size,
        int8_threshold=0.0,
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


def soundness(engine: TransformersEngine, prompt: Sequence[int], tokens: int) -> float:
    """The most that a log-probability moves between decoding and one pass over everything.

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
    return float((told - expected).abs().max())


def step_bytes(weights_bytes: int, scale: Scale, settings: GpuBenchSettings) -> dict[str, int]:
    """Bytes that a step has to read, by streams: weights once, keys and values of each.

    Of the embedding a step reads a row a stream, which is nothing.
    """
    weights = weights_bytes - 2 * scale.vocabulary * scale.hidden
    position = 2 * scale.layers * scale.hidden * 2
    cached = position * (settings.prompt_tokens + settings.decode_tokens // 2)
    return {str(n): weights + n * cached for n in BATCHES}


def peak_memory(device: str) -> int:
    """Bytes: on a GPU of its memory, by its own count, what others have included."""
    if device == "cpu":
        return peak_bytes(None)
    free, total = torch.cuda.mem_get_info()
    reserved: int = torch.cuda.max_memory_reserved()
    return max(reserved, int(total - free))


def _decode(
    engine: TransformersEngine, asked: Sequence[Sequence[int]], streams: int, s: GpuBenchSettings
) -> dict[str, Any]:
    chosen = [asked[n % len(asked)] for n in range(streams)]
    rates = [decode_rate(engine, chosen, s.decode_tokens) for _ in range(s.rounds)]
    return asdict(Spread.of(rates))


def _ignore(tokens: object) -> None:
    pass
