"""The slot engine and what it is measured beside, on the same weights."""

import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Protocol

from common.artifact import Artifact
from common.sampling import Sampling
from common.tokenizer import ModelTokenizer, Tokenizer
from worker.engines import create_engine
from worker.engines.base import Engine, Generation
from worker.engines.settings import EngineSettings, Quantization

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

Prompts = Sequence[list[int]]
#: Longest prompt and answer together.
CONTEXT_TOKENS = 1024
_PAGE_TOKENS = 32


@dataclass(frozen=True, slots=True)
class Outcome:
    """Tokens of the answers, and seconds from the first prompt to the last answer."""

    tokens: int
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / self.seconds


def open_engine(
    artifact: Artifact, precision: Quantization, slots: int, tokenizer: Tokenizer
) -> Engine:
    """The slot engine, loaded."""
    settings = EngineSettings(
        slots=slots,
        context_size=CONTEXT_TOKENS,
        quantization=precision,
        prompt_lookup_tokens=0,  # it depends on the text, and nobody else does it
    )
    engine = create_engine("transformers", settings, artifact, tokenizer)
    engine.load()
    return engine


class Contender(Protocol):
    """Answers all prompts greedily, ``streams`` at a time."""

    def run(self, prompts: Prompts, streams: int, max_tokens: int) -> Outcome:
        """The whole jobs, prefill included."""

    def close(self) -> None:
        """Let go of what it holds; the last call."""


class Slots:
    """Ours: as the worker drives it, a thread for each stream."""

    def __init__(self, artifact: Artifact, precision: Quantization, slots: int) -> None:
        self._engine = open_engine(artifact, precision, slots, ModelTokenizer.load(artifact))

    def run(self, prompts: Prompts, streams: int, max_tokens: int) -> Outcome:
        sampling = Sampling(max_tokens=max_tokens, temperature=0)

        def answer(ids: list[int]) -> int:
            request = Generation(ids, sampling)
            return self._engine.generate(request, lambda _: None, Event()).new_tokens

        with ThreadPoolExecutor(streams) as callers:
            started = time.perf_counter()
            tokens = sum(callers.map(answer, prompts))
            return Outcome(tokens, time.perf_counter() - started)

    def close(self) -> None:
        self._engine.close()


class ContinuousBatching:
    """transformers' own, with a new request for each that has ended; it is started once."""

    def __init__(self, model: "LlamaForCausalLM", streams: int, max_tokens: int) -> None:
        from transformers import ContinuousBatchingConfig, GenerationConfig

        blocks = 2 * streams * CONTEXT_TOKENS // _PAGE_TOKENS
        self._manager = model.init_continuous_batching(
            generation_config=GenerationConfig(
                max_new_tokens=max_tokens,
                do_sample=False,
                eos_token_id=model.generation_config.eos_token_id,
            ),
            continuous_batching_config=ContinuousBatchingConfig(
                page_size=_PAGE_TOKENS, num_blocks=blocks
            ),
        )
        self._manager.start()

    def run(self, prompts: Prompts, streams: int, max_tokens: int) -> Outcome:
        waiting = deque(prompts)
        started = time.perf_counter()
        for _ in range(min(streams, len(waiting))):
            self._add(waiting.popleft(), max_tokens)
        tokens, left = 0, len(prompts)
        while left:
            result = self._manager.get_result(timeout=600)
            if result is None or result.error:
                raise RuntimeError(f"continuous batching gave up: {result}")
            tokens, left = tokens + len(result.generated_tokens), left - 1
            if waiting:
                self._add(waiting.popleft(), max_tokens)
        return Outcome(tokens, time.perf_counter() - started)

    def close(self) -> None:
        self._manager.stop(block=True)

    def _add(self, ids: list[int], max_tokens: int) -> None:
        self._manager.add_request(ids, max_new_tokens=max_tokens)


class OneByOne:
    """``generate`` for one prompt after the other, as a naive server does."""

    def __init__(self, model: "LlamaForCausalLM") -> None:
        self._model = model

    def run(self, prompts: Prompts, streams: int, max_tokens: int) -> Outcome:
        del streams
        import torch

        tokens, started = 0, time.perf_counter()
        for ids in prompts:
            asked = torch.tensor([ids], device=self._model.device)
            with torch.inference_mode():
                answer = self._model.generate(
                    asked,
                    attention_mask=torch.ones_like(asked),
                    max_new_tokens=max_tokens,
                    do_sample=False,
                )
            tokens += answer.shape[1] - len(ids)
        return Outcome(tokens, time.perf_counter() - started)

    def close(self) -> None:
        pass
