"""A linear classifier over features; benchmarks/guard trains it."""

import gzip
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from api.guard.features import features


@dataclass(frozen=True, slots=True)
class Classifier:
    """Weights of features, and from which score on it is sure.

    A score is the log-odds that a text is an injection: ``bias`` + the pull of its features,
    which is their weights' sum over the square root of how many features it has, known or not.
    """

    weights: Mapping[str, int]
    scale: float  #: what a weight of 1 stands for
    bias: float
    threshold: float  #: from this score on a text is called one

    def score(self, text: str) -> float:
        """The log-odds that a normalised text is an injection."""
        found, get = features(text), self.weights.get
        pull = sum([get(feature, 0) for feature in found])
        return self.bias + self.scale * pull / math.sqrt(max(1, len(found)))


def load_classifier() -> Classifier:
    """The committed model."""
    packed = (files("api.guard") / "model.json.gz").read_bytes()
    raw: dict[str, Any] = json.loads(gzip.decompress(packed))
    weights = dict(zip(raw["features"].split("\n"), raw["weights"], strict=True))
    return Classifier(weights, raw["scale"], raw["bias"], raw["threshold"])
