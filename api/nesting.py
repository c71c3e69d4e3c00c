"""How deep a JSON text goes, found without parsing it: deep ones exhaust parsers."""

import re
from itertools import accumulate

_STRINGS = re.compile(rb'"[^"]*"?')
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_ALL_BUT_BRACKETS = bytes(set(range(256)) - _STEPS.keys())


def openings(chunk: bytes) -> int:
    """An upper bound of the depth that ``chunk`` can add; brackets in strings count too."""
    return chunk.count(b"[") + chunk.count(b"{")


def depth(text: bytes) -> int:
    """The deepest nesting of arrays and objects; of what is no JSON, what a parser would meet."""
    plain = text.replace(rb"\\", b"").replace(rb"\"", b"")
    brackets = _STRINGS.sub(b"", plain).translate(None, _ALL_BUT_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets), initial=0))
