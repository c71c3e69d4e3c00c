"""Whether an answer gives away what its model was told."""

import re
from collections.abc import Iterator

from common.prompt import Prompt, Role

#: A run of so many words is no coincidence.
RUN_WORDS = 8

_WORD = re.compile(r"\w+")


def gives_away(prompt: Prompt, answer: str) -> bool:
    """Whether ``answer`` repeats a run of RUN_WORDS words of a system prompt."""
    said = set(_runs(answer))
    return any(
        run in said
        for message in prompt.messages
        if message.role is Role.SYSTEM
        for run in _runs(message.content)
    )


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    for start in range(len(words) - RUN_WORDS + 1):
        yield tuple(words[start : start + RUN_WORDS])
