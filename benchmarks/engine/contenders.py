"""The slot engine and what it is measured beside, on the same weights."""

import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol

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
    """Ours: as the worker drives it, a thread for each stream; an engine for each number of them."""

    def __init__(self, artifact: Artifact, precision: Quantization) -> None:
        self._artifact, self._precision = artifact, precision
        self._engine: Engine | None = None
        self._slots = 0

    def run(self, prompts: Prompts, streams: int, max_tokens: int) -> Outcome:
        engine, sampling = self._of(streams), Sampling(max_tokens=max_tokens, temperature=0)

        def answer(ids: list[int]) -> int:
            return engine.generate(Generation(ids, sampling), lambda _: None, Event()).new_tokens

        with ThreadPoolExecutor(streams) as callers:
            started = time.perf_counter()
            tokens = sum(callers.map(answer, prompts))
            return Outcome(tokens, time.perf_counter() - started)

    def close(self) -> None:
        if self._engine:
            self._engine.close()

    def _of(self, slots: int) -> Engine:
        if self._engine is None or self._slots != slots:
            self.close()
            tokenizer = ModelTokenizer.load(self._artifact)
            self._engine = open_engine(self._artifact, self._precision, slots, tokenizer)
            self._slots = slots
        return self._engine


class ContinuousBatching:
    """transformers' own, with a new request for each that has ended.

    It is started once for each number of streams.
    """

    def __init__(self, model: "LlamaForCausalLM") -> None:
        self._model = model
        self._manager: Any = None
        self._streams = 0

    def run(self, prompts: Prompts, streams: int, max_tokens: int) -> Outcome:
        manager = self._of(streams, max_tokens)
        waiting = deque(prompts)
        started = time.perf_counter()
        for _ in range(min(streams, len(waiting))):
            manager.add_request(waiting.popleft(), max_new_tokens=max_tokens)
        tokens, left = 0, len(prompts)
        while left:
            result = manager.get_result(timeout=600)
            if result is None or result.error:
                raise RuntimeError(f"continuous batching gave up: {result}")
            tokens, left = tokens + len(result.generated_tokens), left - 1
            if waiting:
                manager.add_request(waiting.popleft(), max_new_tokens=max_tokens)
        return Outcome(tokens, time.perf_counter() - started)

    def close(self) -> None:
        if self._manager:
            self._manager.stop(block=True)

    def _of(self, streams: int, max_tokens: int) -> Any:
        if self._manager is None or self._streams != streams:
            self.close()
            self._manager, self._streams = self._start(streams, max_tokens), streams
        return self._manager

    def _start(self, streams: int, max_tokens: int) -> Any:
        from transformers import ContinuousBatchingConfig, GenerationConfig

        blocks = 2 * streams * CONTEXT_TOKENS // _PAGE_TOKENS
        manager = self._model.init_continuous_batching(
            generation_config=GenerationConfig(
                max_new_tokens=max_tokens,
                do_sample=False,
                eos_token_id=self._model.generation_config.eos_token_id,
            ),
            continuous_batching_config=ContinuousBatchingConfig(
                page_size=_PAGE_TOKENS, num_blocks=blocks
            ),
        )
        manager.start()
        return manager


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
