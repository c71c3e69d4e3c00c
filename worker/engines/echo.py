"""An engine without a model: gives the prompt back, token by token, at a set rate.

For load and fault tests of the queue. The ids of the prompt come in order, over and over,
until ``max_tokens``; a prompt without ids ends at once. It fails and hangs on demand.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from queue import Empty, Queue
from threading import Event

from common.features import Feature
from common.sampling import FinishReason
from common.tokenizer import Tokenizer
from worker.engines.base import (
    Completion,
    EngineError,
    EngineInfo,
    Generation,
    OnTokens,
    RequestRefused,
    Token,
)
from worker.engines.faults import Faults
from worker.engines.progress import Progress
from worker.engines.settings import EngineSettings

#: The log-probability of every token.
LOGPROB = -0.1
#: The most tokens handed out at once.
GROUP = 32
#: The longest wait without a look at the deadline, in seconds.
WAIT_SECONDS = 0.02


class EchoEngine:
    """Implements Engine; deterministic, a pure function of the prompt."""

    def __init__(self, settings: EngineSettings, tokenizer: Tokenizer) -> None:
        self._settings = settings
        self._tokenizer = tokenizer
        self._free: Queue[int] = Queue()
        self._closed = Event()
        self._faults = Faults(settings.echo_fail_file, settings.echo_hang_file)
        self._stepped: dict[int, float] = {}  #: busy slot -> when its last step began
        for slot in range(settings.slots):
            self._free.put(slot)

    def load(self) -> None:
        """Nothing to load."""

    def warmup(self) -> float:
        """Nothing to warm up, but a fault shows."""
        self._faults.step(busy_slots=1)
        return 0.0

    def generate(self, request: Generation, on_tokens: OnTokens, cancelled: Event) -> Completion:
        """Repeat the prompt. See Engine."""
        if request.sampling.response_format is not None:
            raise RequestRefused("the engine echo knows no response_format")
        progress = Progress(request, self._tokenizer, self._settings.context_size, cancelled)
        eos = self._tokenizer.eos_token_ids
        script = [i for i in request.prompt_ids if i not in eos] or sorted(eos)
        with self._slot(progress) as slot:
            pace = Pace(self._settings.echo_tokens_per_second)
            while (reason := self._end(progress)) is None:
                self._stepped[slot] = time.monotonic()
                self._faults.step(self.busy_slots())
                cancelled.wait(min(pace.due_in(), WAIT_SECONDS))
                if pace.due_in() == 0 and not cancelled.is_set():
                    tokens = list(islice(_echo(script, progress), pace.group))
                    pace.made(len(tokens))
                    on_tokens(tokens)
        return progress.completion(reason)

    def busy_slots(self) -> int:
        """Slots that hold a generation right now."""
        return self._settings.slots - self._free.qsize()

    def last_step(self) -> float:
        """When the slot that moved least began its last step; now, if none is busy."""
        return min(list(self._stepped.values()), default=time.monotonic())

    def info(self) -> EngineInfo:
        """What is loaded: nothing."""
        return EngineInfo(
            engine="echo",
            model_name="echo",
            quantization="none",
            context_size=self._settings.context_size,
            slots=self._settings.slots,
            gpu_layers=None,
            parameters=None,
            artifact_bytes=None,
            memory_bytes=None,
            device="cpu",
            features=(Feature.LOGPROBS,),
            details={"tokens_per_second": self._settings.echo_tokens_per_second},
        )

    def close(self) -> None:
        """End generations under way with EngineError."""
        self._closed.set()

    @contextmanager
    def _slot(self, progress: Progress) -> Iterator[int]:
        """Wait for a slot and hold it; none, -1, if the generation ends before."""
        slot = None
        while slot is None and self._end(progress) is None:
            try:
                slot = self._free.get(timeout=WAIT_SECONDS)
            except Empty:
                continue
        try:
            yield -1 if slot is None else slot
        finally:
            if slot is not None:
                self._stepped.pop(slot, None)
                self._free.put(slot)

    def _end(self, progress: Progress) -> FinishReason | None:
        if self._closed.is_set():
            raise EngineError("the engine is closed")
        return progress.finish_reason()


class Pace:
    """When the next token is due; rate 0 is always now."""

    def __init__(self, tokens_per_second: float) -> None:
        self.group = 1 if tokens_per_second > 0 else GROUP
        self._rate = tokens_per_second
        self._started = time.monotonic()
        self._made = 0

    def due_in(self) -> float:
        """Seconds until the next token, 0 if it is due."""
        if self._rate <= 0:
            return 0.0
        return max(0.0, self._started + (self._made + 1) / self._rate - time.monotonic())

    def made(self, tokens: int) -> None:
        """Count tokens handed out."""
        self._made += tokens


def _echo(script: Sequence[int], progress: Progress) -> Iterator[Token]:
    while progress.transcript.finish_reason is None:
        token_id = script[len(progress.ids) % len(script)]
        yield progress.push(token_id, LOGPROB, _top(token_id, progress.sampling.logprobs or 0))


def _top(token_id: int, count: int) -> list[tuple[int, float]]:
    """The token, and after it as many of the next ids as are wanted, each less likely."""
    return [(token_id + n, LOGPROB - n) for n in range(count)]
