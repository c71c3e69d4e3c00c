"""The part of the Engine protocol that is the same for every model in slots."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from collections.abc import Sequence as Ids
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Generic, TypeVar

from common.artifact import Artifact
from common.sampling import Sampling
from common.tokenizer import Tokenizer
from worker.engines.base import Completion, EngineError, EngineInfo, Generation, OnTokens
from worker.engines.progress import Progress
from worker.engines.settings import EngineSettings
from worker.engines.slots.grammar import Grammars
from worker.engines.slots.lookup import Lookup
from worker.engines.slots.loop import EngineLoop
from worker.engines.slots.runner import Runner
from worker.engines.slots.sequence import Sequence
from worker.engines.slots.speculation import Speculation, measured

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

R = TypeVar("R", bound=Runner)


class SlotEngine(ABC, Generic[R]):
    """Implements Engine over a Runner; a subclass loads it and says what it is."""

    def __init__(self, settings: EngineSettings, artifact: Artifact, tokenizer: Tokenizer) -> None:
        self._settings = settings
        self._artifact = artifact
        self._tokenizer = tokenizer
        self._context_size = min(settings.context_size, artifact.context_size)
        self._grammars = Grammars(artifact.tokenizer_path, tokenizer.eos_token_ids)
        self._runner: R | None = None
        self._loop: EngineLoop | None = None

    @abstractmethod
    def _load_runner(self) -> R:
        """Load the model. Raises ModelUnavailable."""

    @abstractmethod
    def info(self) -> EngineInfo:
        """What is loaded."""

    def load(self) -> None:
        """Load the model and start the engine's thread. Raises ModelUnavailable.

        The thread that loads it ends, and its OpenMP threads with it: beside those of the
        engine's own there would be more than cores, and then none of them waits awake
        (GOMP_SPINCOUNT).
        """
        with ThreadPoolExecutor(1) as loader:
            self._runner = loader.submit(self._load_runner).result()
            speculation = loader.submit(self._speculation, self._runner).result()
        self._loop = EngineLoop(self._runner, self._settings.slots, speculation)

    def warmup(self) -> float:
        """Run a short generation through every slot; return the seconds it took."""
        started = time.monotonic()
        request = Generation(range(8), Sampling(max_tokens=4, temperature=0))
        slots = self._settings.slots
        with ThreadPoolExecutor(slots) as callers:
            list(
                callers.map(self.generate, [request] * slots, [_ignore] * slots, [Event()] * slots)
            )
        return time.monotonic() - started

    def generate(self, request: Generation, on_tokens: OnTokens, cancelled: Event) -> Completion:
        """Queue for a slot and wait for the end. See Engine."""
        loop = self._loop
        if loop is None:
            raise EngineError("the engine is not loaded")
        self._check_ids(request)
        progress = Progress(request, self._tokenizer, self._context_size, cancelled)
        reason = progress.finish_reason()
        if reason is not None:
            return progress.completion(reason)
        return loop.submit(self._sequence(request, progress, on_tokens)).result()

    def score(self, ids: Ids[int]) -> "Iterator[NDArray[np.float32]]":
        """The raw logits [piece, vocab] after each of ``ids``, a piece of the prompt at a time.

        For the workshop, on an engine that generates nothing meanwhile and was built with
        ``scoring``. Raises EngineError.
        """
        if self._runner is None or self.busy_slots():
            raise EngineError("an engine scores when it is loaded and idle")
        if not (self._settings.scoring and 0 < len(ids) <= self._context_size):
            raise EngineError(f"an engine made for scoring takes 1..{self._context_size} ids")
        yield from self._runner.score(ids)
        self._runner.clear(0)

    def busy_slots(self) -> int:
        """Slots that hold a generation right now."""
        loop = self._loop
        return loop.busy_slots() if loop else 0

    def last_step(self) -> float:
        """``time.monotonic()`` when the last step began; now, if no slot is busy."""
        loop = self._loop
        return loop.last_step() if loop else time.monotonic()

    def close(self) -> None:
        """End generations under way with EngineError and free the model."""
        loop, self._loop = self._loop, None
        runner, self._runner = self._runner, None
        if loop is not None:
            loop.close()
        if runner is not None:
            runner.close()

    def _speculation(self, runner: R) -> Speculation:
        """Measures what drafts cost on this machine."""
        most = self._settings.prompt_lookup_tokens
        if most == 0:
            return Speculation()
        seconds = measured(runner.rehearse, self._settings.slots, most)
        return Speculation(seconds, self._context_size)

    def _sequence(self, request: Generation, progress: Progress, on_tokens: OnTokens) -> Sequence:
        """With a grammar nothing is drafted: what may come is known for one id only."""
        wanted = request.sampling.response_format
        if wanted is not None:
            grammar = self._grammars.open(wanted, progress.ids)
            return Sequence(request, progress, on_tokens, grammar)
        drafts = self._settings.prompt_lookup_tokens > 0
        lookup = Lookup([*request.prompt_ids, *progress.ids]) if drafts else None
        return Sequence(request, progress, on_tokens, lookup=lookup)

    def _check_ids(self, request: Generation) -> None:
        """One bad id would fail the step, and with it every other slot."""
        ids = [*request.prompt_ids, *request.generated_ids]
        vocabulary = self._tokenizer.vocab_size
        if not request.prompt_ids or not all(0 <= token_id < vocabulary for token_id in ids):
            raise EngineError(f"a prompt needs at least one id, each in 0..{vocabulary - 1}")


def _ignore(tokens: object) -> None:
    pass
