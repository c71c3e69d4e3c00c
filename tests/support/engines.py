"""Engines for tests: the default model's weights, three slots, a small context."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from threading import Event, Thread
from typing import Any

import pytest

from common.artifact import Artifact
from common.prompt import Message, Prompt, Role
from common.sampling import Sampling
from common.settings import CommonSettings
from common.tokenizer import ByteTokenizer, ModelTokenizer, Tokenizer
from quantization.fetch import fetch
from worker.engines import create_engine
from worker.engines.base import Completion, Engine, Generation, Token
from worker.engines.settings import EngineSettings, Quantization

SLOTS = 3
CONTEXT_SIZE = 512
MAX_TOKENS = 10
TIMEOUT_SECONDS = 120
FORMATS = {"llamacpp": "gguf", "transformers": "safetensors"}

QUESTION = "Explain what an RSI of 71 means for a stock, in three sentences."
QUESTIONS = [f"Why did share number {n} fall after good earnings?" for n in range(SLOTS + 2)]

MODELS = [
    pytest.param("llamacpp", marks=pytest.mark.model),
    pytest.param("transformers", marks=[pytest.mark.model, pytest.mark.torch]),
]
#: Asks a server that runs a model.
UPSTREAM = pytest.param("openai", marks=pytest.mark.model)
ENGINES = ["echo", *MODELS, UPSTREAM]
#: For what only an engine with a model can do; echo chooses no tokens.
with_a_model = pytest.mark.parametrize("bench", [*MODELS, UPSTREAM], indirect=True)
#: For what needs the token ids, which an upstream does not tell.
with_own_ids = pytest.mark.parametrize("bench", ["echo", *MODELS], indirect=True)


class Call:
    """One ``generate`` on a thread of its own, and the tokens that it was told of.

    ``on_tokens`` is called with this object after each delivery, on the engine's thread.
    """

    def __init__(
        self,
        engine: Engine,
        request: Generation,
        on_tokens: Callable[["Call"], object] = lambda _: None,
    ) -> None:
        self.tokens: list[Token] = []
        self.cancelled = Event()
        self.began = Event()
        self._engine = engine
        self._request = request
        self._on_tokens = on_tokens
        self._outcome: Future[Completion] = Future()
        Thread(target=self._run, daemon=True).start()

    def completion(self) -> Completion:
        """Wait for the end; raises what ``generate`` raised."""
        return self._outcome.result(TIMEOUT_SECONDS)

    @property
    def text(self) -> str:
        """What a streaming client has seen."""
        return "".join(token.text for token in self.tokens)

    @property
    def ids(self) -> list[int]:
        """The ids delivered."""
        return [token.id for token in self.tokens]

    def _run(self) -> None:
        try:
            completion = self._engine.generate(self._request, self._take, self.cancelled)
        except BaseException as error:  # noqa: BLE001 - the test's thread raises it again
            self._outcome.set_exception(error)
        else:
            self._outcome.set_result(completion)

    def _take(self, tokens: list[Token]) -> None:
        self.tokens += tokens
        self.began.set()
        self._on_tokens(self)


def cancel_at_three(call: Call) -> None:
    """A listener that wants no more after three tokens."""
    if len(call.tokens) >= 3:
        call.cancelled.set()


@dataclass(frozen=True)
class Bench:
    """An engine under test, with the tokenizer that belongs to it."""

    name: str
    engine: Engine
    tokenizer: Tokenizer

    def ids(self, question: str) -> list[int]:
        """The prompt's ids of a conversation that begins with ``question``."""
        return self.tokenizer.encode(Prompt(messages=(Message(Role.USER, question),)))

    def request(self, question: str, resume: Iterable[int] = (), **knobs: Any) -> Generation:
        """A greedy request of MAX_TOKENS, unless ``knobs`` (of Sampling) say otherwise."""
        sampling = Sampling(**{"max_tokens": MAX_TOKENS, "temperature": 0.0} | knobs)
        return Generation(self.ids(question), sampling, generated_ids=tuple(resume))

    def endless(self, prompt_tokens: int = 40, **knobs: Any) -> Generation:
        """A request of so many prompt tokens whose answer goes on to the end of the context."""
        prompt = self.ids("one two three " * CONTEXT_SIZE)[:prompt_tokens]
        sampling = Sampling(**{"max_tokens": CONTEXT_SIZE, "temperature": 0.0} | knobs)
        return Generation(prompt, sampling)

    def call(
        self,
        request: Generation,
        on_tokens: Callable[[Call], object] = lambda _: None,
    ) -> Call:
        """Start a request."""
        return Call(self.engine, request, on_tokens)

    def ask(self, question: str, resume: Iterable[int] = (), **knobs: Any) -> Call:
        """Run a request to its end."""
        call = self.call(self.request(question, resume, **knobs))
        call.completion()
        return call


@cache
def default_artifacts() -> dict[str, Artifact]:
    """The default model by format; fetched if it is not there."""
    state_dir = CommonSettings().state_dir
    return {artifact.format: artifact for artifact in fetch(None, state_dir, lambda _: None)}


def open_bench(name: str, quantization: Quantization = Quantization.FP32, **knobs: Any) -> Bench:
    """Build and load the engine ``name``; ``knobs`` are of EngineSettings."""
    settings = EngineSettings(
        slots=SLOTS, context_size=CONTEXT_SIZE, quantization=quantization, **knobs
    )
    artifact = default_artifacts()[FORMATS[name]] if name in FORMATS else None
    tokenizer = ModelTokenizer.load(artifact) if artifact else ByteTokenizer()
    engine = create_engine(name, settings, artifact, tokenizer)
    engine.load()
    return Bench(name, engine, tokenizer)
