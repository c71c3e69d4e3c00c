"""Keeps an answer within a JSON Schema, by saying before each token which ones may come.

The grammar's state is a function of the ids so far: an attempt that resumes feeds it those
of its predecessors.
"""

from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from typing import Any

from common.json_grammar import json_grammar, reason
from common.sampling import ResponseFormat
from worker.engines.base import RequestRefused


class Grammar:
    """The state of one answer. For one thread at a time."""

    def __init__(self, matcher: Any) -> None:
        self._matcher = matcher

    def accept(self, token_id: int) -> None:
        """Move on by a token. Raises RequestRefused if it may not come here."""
        self._matcher.consume_token(token_id)
        self._check()

    def allowed(self) -> bytes:
        """A bit for each id, the lowest first. Raises RequestRefused if it grew too complex."""
        mask: bytes = self._matcher.compute_bitmask()
        self._check()
        return mask

    def _check(self) -> None:
        if self._matcher.is_error():
            raise RequestRefused(f"the response format: {reason(self._matcher.get_error())}")


class Grammars:
    """Opens grammars over the vocabulary of one tokenizer. Thread-safe."""

    def __init__(self, tokenizer_path: Path, eos_token_ids: Iterable[int]) -> None:
        self._path = tokenizer_path
        self._eos = sorted(eos_token_ids)
        self._lock = Lock()
        self._vocabulary: Any = None

    def open(self, wanted: ResponseFormat, ids: Iterable[int]) -> Grammar:
        """The grammar of an answer that has come as far as ``ids``. Raises RequestRefused."""
        from llguidance import LLMatcher

        try:
            matcher = LLMatcher(self._read(), json_grammar(wanted.schema), log_level=0)
        except ValueError as error:
            raise RequestRefused(f"the response format: {reason(str(error))}") from error
        grammar = Grammar(matcher)
        grammar.allowed()
        for token_id in ids:
            grammar.accept(token_id)
        return grammar

    def _read(self) -> Any:
        """The vocabulary, read once: it takes a fifth of a second."""
        from llguidance import LLTokenizer

        with self._lock:
            if self._vocabulary is None:
                self._vocabulary = LLTokenizer(str(self._path), eos_token=self._eos)
            return self._vocabulary
