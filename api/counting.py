"""Counts the tokens of a prompt as the model will, without the model."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from api.problems import InvalidRequest, ModelUnavailable
from common.artifact import ArtifactError, open_artifact, resolve_model
from common.prompt import Prompt, PromptError
from common.settings import EngineName
from common.tokenizer import ByteTokenizer, ModelTokenizer, Tokenizer

#: Encoding more characters than this would hold up the event loop.
LONG_PROMPT = 20_000
#: Seconds between two looks for files that are missing.
RECHECK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Where to look for the tokenizer."""

    engine: EngineName
    model: str | None
    state_dir: Path
    context_size: int


class PromptCounter:
    """Loads the tokenizer when its files are there; until then says what is missing."""

    def __init__(self, files: ModelFiles) -> None:
        self._files = files
        self._loaded: tuple[Tokenizer, int] | None = None
        self._missing = "The tokenizer has not been loaded yet."
        self._next_look = 0.0

    async def count(self, prompt: Prompt, field: str) -> int:
        """Tokens of ``prompt``, fewer than the context has.

        Raises ModelUnavailable, or InvalidRequest about ``field``.
        """
        loaded = self._loaded or await self._load()
        if loaded is None:
            raise ModelUnavailable(self._missing, retry_after=10)
        tokenizer, context_size = loaded
        try:
            if sum(len(m.content) for m in prompt.messages) > LONG_PROMPT:
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
        return None if self._loaded or await self._load() else self._missing

    async def _load(self) -> tuple[Tokenizer, int] | None:
        if time.monotonic() < self._next_look:
            return None
        self._next_look = time.monotonic() + RECHECK_SECONDS
        try:
            self._loaded = await asyncio.to_thread(_open, self._files)
        except ArtifactError as error:
            self._missing = str(error)
        return self._loaded


def _open(files: ModelFiles) -> tuple[Tokenizer, int]:
    if files.engine is EngineName.ECHO:
        return ByteTokenizer(), files.context_size
    artifact = open_artifact(resolve_model(files.model, files.engine, files.state_dir))
    return ModelTokenizer.load(artifact), min(files.context_size, artifact.context_size)
