"""Long texts made of short ones: an attack must be known among harmless sentences too."""

import random
from collections.abc import Sequence

from benchmarks.guard.sources import Sample

#: Characters of a pile, and of one text in it.
LENGTHS = range(100, 600)
LONGEST = 300
HARMLESS, ATTACKS = 600, 500

_BETWEEN = (" ", "\n", ". ")


def piles(samples: Sequence[Sample]) -> list[Sample]:
    """Piles of harmless texts, and others with one attack in each; the same ones every time."""
    draw = random.Random(0)
    attacks = [sample.text[:LONGEST] for sample in samples if sample.injection]
    harmless = [sample.text[:LONGEST] for sample in samples if not sample.injection]
    plain = [_pile(draw, harmless, []) for _ in range(HARMLESS)]
    spoilt = [_pile(draw, harmless, [draw.choice(attacks)]) for _ in range(ATTACKS)]
    return [
        *(Sample(text, injection=False, source="piles") for text in plain),
        *(Sample(text, injection=True, source="piles") for text in spoilt),
    ]


def _pile(draw: random.Random, harmless: list[str], attack: list[str]) -> str:
    wanted = draw.choice(LENGTHS) - sum(map(len, attack))
    texts: list[str] = []
    while sum(map(len, texts)) < wanted:
        texts.append(draw.choice(harmless))
    place = draw.randint(0, len(texts))
    return draw.choice(_BETWEEN).join([*texts[:place], *attack, *texts[place:]])
