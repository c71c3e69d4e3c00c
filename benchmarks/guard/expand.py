"""Sentences with choices, written out."""

import random
import re
from importlib.resources import files

#: Sentences made of one line at most.
PER_LINE = 12

#: How a file writes what would end a choice or a line.
_WRITTEN = str.maketrans("⟦⟧¦⏎", "{}|\n")

_CHOICE = re.compile(r"\{([^{}]*)\}")


def sentences(file: str) -> list[list[str]]:
    """The sentences that each line of a file here stands for, the same ones every time."""
    draw = random.Random(0)
    lines = (files("benchmarks.guard") / file).read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("# ")]
    return [sorted({_expand(pattern, draw) for _ in range(PER_LINE)}) for pattern in patterns]


def _expand(pattern: str, draw: random.Random) -> str:
    chosen = _CHOICE.sub(lambda found: draw.choice(found[1].split("|")), pattern)
    return chosen.translate(_WRITTEN)
