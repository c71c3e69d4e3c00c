"""Control tokens, and how text from a user is kept from becoming one."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from common.prompt import PromptError

#: Code points with no meaning of their own (Unicode's private planes).
_PRIVATE = range(0xF0000, 0x110000)
_TAKEN = re.compile("[\U000f0000-\U0010ffff]")


class ControlTokens:
    """The tokens that steer a model, such as ``<|im_start|>``, by their text."""

    def __init__(self, ids: Mapping[str, int]) -> None:
        self.ids = frozenset(ids.values())
        self.alphabet = frozenset(char for text in ids for char in text if not char.isspace())
        self._id_of = dict(ids)
        longest_first = sorted(ids, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def split(self, text: str) -> Iterator[str | int]:
        """Yield the control tokens in ``text`` as ids, the text between them as it is."""
        position = 0
        for match in self._pattern.finditer(text):
            yield text[position : match.start()]
            yield self._id_of[match.group()]
            position = match.end()
        yield text[position:]


class Disguise:
    """Hides an alphabet behind code points that occur in none of ``texts``.

    Hidden text passes through a chat template like any other, stripped of its whitespace
    where the template strips, and no control token can be found in it, nor across its
    border: no visible character of it is one that a control token is made of.
    """

    def __init__(self, alphabet: Iterable[str], texts: Iterable[str]) -> None:
        characters = sorted(alphabet)
        taken = {ord(char) for text in texts for char in _TAKEN.findall(text)}
        free = list(islice((code for code in _PRIVATE if code not in taken), len(characters)))
        if len(free) < len(characters):
            raise PromptError("the text uses all of Unicode's private characters")
        self._hidden = {ord(char): code for char, code in zip(characters, free, strict=True)}
        self._shown = {code: char for char, code in self._hidden.items()}

    def hide(self, text: str) -> str:
        """Put the alphabet's characters out of sight."""
        return text.translate(self._hidden)

    def reveal(self, text: str) -> str:
        """Undo ``hide``."""
        return text.translate(self._shown)
