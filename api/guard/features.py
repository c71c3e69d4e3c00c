"""What the classifier sees of a text: its words, their neighbours, and pieces of them."""

import re
from itertools import pairwise

_WORD = re.compile(r"\w+|[^\w\s]")
_RUN = 5
_REACH = 4


def features(text: str) -> set[str]:
    """The distinct features of a normalised text.

    Words and marks (these begin with ``=``), pairs of neighbours, pairs with up to three words
    between them (``_`` stands for those), and every run of 5 characters, which still meet when
    a word is bent or misspelt.
    """
    words = _WORD.findall(text)
    line = f" {' '.join(words)} "
    found = {line[i : i + _RUN] for i in range(len(line) - _RUN + 1)}
    found.update(["=" + word for word in words])
    found.update(map(" ".join, pairwise(words)))
    for apart in range(2, _REACH + 1):
        found.update(
            [f"{first} _ {then}" for first, then in zip(words, words[apart:], strict=False)]
        )
    return found
