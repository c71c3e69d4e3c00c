"""Counts the tokens of a prompt as the model will, without the model."""

import asyncio
import time
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from api.problems import InvalidRequest, ModelUnavailable
from api.served import Served, Serving
from common.artifact import ArtifactError, open_artifact, resolve_model
from common.estimate import EstimatingTokenizer
from common.prompt import Prompt, PromptError
from common.settings import EngineName
from common.tokenizer import LONG_TEXT, ByteTokenizer, ModelTokenizer, Tokenizer

log = structlog.get_logger()

#: Seconds between two looks for files that are missing.
RECHECK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Where to look for the tokenizer, and how long a context may be at most."""

    engine: EngineName
    model: str | None
    state_dir: Path
    context_size: int

    def following(self, served: Served) -> "ModelFiles":
        """Those of the model that a worker serves."""
        try:
            engine = EngineName(served.engine)
        except ValueError:
            return self
        size = served.context_size or self.context_size
        return replace(self, engine=engine, model=served.source, context_size=size)


class PromptCounter:
    """Counts as the newest model in service does; before there is one, as MODEL says.

    The tokenizer is loaded when its files are there; until then it says what is missing.
    """

    def __init__(self, files: ModelFiles, serving: Serving) -> None:
        self._files = files
        self._serving = serving
        self._loaded: tuple[Tokenizer, int] | None = None
        self._loaded_files: ModelFiles | None = None
        self._missing = "The tokenizer has not been loaded yet."
        self._next_look = 0.0
        #: One long text at a time: a flood of them must not take every core from the others.
        self._long = asyncio.Semaphore(1)

    async def count(self, prompt: Prompt, field: str) -> int:
        """Tokens of ``prompt``, fewer than the context has.

        Raises ModelUnavailable, or InvalidRequest about ``field``.
        """
        loaded = await self._current()
        if loaded is None:
            raise ModelUnavailable(self._missing, retry_after=10)
        tokenizer, context_size = loaded
        try:
            if prompt.characters > LONG_TEXT:
                async with self._long:
                    tokens = len(await asyncio.to_thread(tokenizer.encode, prompt))
            else:
                tokens = len(tokenizer.encode(prompt))
        except PromptError as error:
            raise InvalidRequest.about(field, "", None, str(error)) from error
        if tokens >= context_size:
            raise InvalidRequest.about(
                field,
                f"1..{context_size - 1} tokens",
                tokens,
                f"has {tokens} tokens, and the model's context is {context_size}",
            )
        return tokens

    async def why_unavailable(self) -> str | None:
        """What is missing, in one sentence; None if tokens can be counted."""
        return None if await self._current() else self._missing

    async def _current(self) -> tuple[Tokenizer, int] | None:
        """Of the model in service; of the one before it, where its files are not here."""
        models = await self._serving.models()
        wanted = self._files.following(models[0]) if models else self._loaded_files or self._files
        if self._loaded_files != wanted and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + RECHECK_SECONDS
            await self._load(wanted)
        return self._loaded

    async def _load(self, files: ModelFiles) -> None:
        try:
            self._loaded = await asyncio.to_thread(_open, files)
        except ArtifactError as error:
            self._missing = str(error)
            log.warning("tokens cannot be counted as the model does", error=self._missing)
        else:
            self._loaded_files, self._next_look = files, 0.0


def _open(files: ModelFiles) -> tuple[Tokenizer, int]:
    if files.engine is EngineName.ECHO:
        return ByteTokenizer(), files.context_size
    if files.engine is EngineName.OPENAI and not files.model:
        return EstimatingTokenizer(), files.context_size
    artifact = open_artifact(resolve_model(files.model, files.engine, files.state_dir))
    size = artifact.context_size if files.engine is not EngineName.OPENAI else files.context_size
    return ModelTokenizer.load(artifact), min(files.context_size, size)
