"""How deep and how crowded a JSON text is, found without parsing it.

Deep ones exhaust parsers, and a megabyte of small values keeps them busy for long.
"""

import re
from itertools import accumulate

_STRINGS = re.compile(rb'"[^"]*"?')
_STEPS = {ord("["): 1, ord("]"): -1}
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def openings(chunk: bytes) -> int:
    """An upper bound of the depth that ``chunk`` can add; brackets in strings count too."""
    return chunk.count(b"[") + chunk.count(b"{")


def deeper_than(levels: int, text: bytes) -> bool:
    """Whether arrays and objects are nested deeper; of what is no JSON, where a parser would be."""
    brackets = _without_strings(text).translate(_BRACKETS, _ALL_BUT_BRACKETS)
    if b"[" * (levels + 1) in brackets:  # a bomb: found a hundred times as fast as by counting
        return True
    return max(accumulate(map(_STEPS.__getitem__, brackets), initial=0)) > levels


def more_values_than(most: int, text: bytes) -> bool:
    """Whether arrays and objects have more entries, all together."""
    return text.count(b",") > most and _without_strings(text).count(b",") > most


def _without_strings(text: bytes) -> bytes:
    return _STRINGS.sub(b"", text.replace(rb"\\", b"").replace(rb"\"", b""))
