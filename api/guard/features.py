"""What the classifier sees of a text: its words, their neighbours, and pieces of them."""

import re
from collections.abc import Sequence
from itertools import pairwise

_WORD = re.compile(r"\w+|[^\w\s]")
_RUN = 5
_REACH = 4
#: Where the runs of a line are; of longer lines they are counted out each time.
_RUNS = tuple(slice(start, start + _RUN) for start in range(1000))


def features(text: str) -> set[str]:
    """The distinct features of a normalised text.

    Words and marks (these begin with ``=``), pairs of neighbours, pairs with up to three words
    between them (``_`` stands for those), and every run of 5 characters, which still meet when
    a word is bent or misspelt.
    """
    words = _WORD.findall(text)
    line = f" {' '.join(words)} "
    found = set(map(line.__getitem__, _runs(len(line))))
    found.update(["=" + word for word in words])
    found.update(map(" ".join, pairwise(words)))
    for apart in range(2, _REACH + 1):
        found.update(map(" _ ".join, zip(words, words[apart:], strict=False)))
    return found


def _runs(length: int) -> Sequence[slice]:
    """Where each run of a line of so many characters is."""
    count = max(0, length - _RUN + 1)
    if count <= len(_RUNS):
        return _RUNS[:count]
    return [slice(start, start + _RUN) for start in range(count)]
