"""Fits the classifier and packs it into the file that the gateway reads."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from api.guard.classifier import Classifier
from api.guard.features import features
from api.guard.guard import Guard
from api.guard.normalise import normalise
from benchmarks.guard.sources import Sample

#: A feature of fewer texts is chance.
MIN_TEXTS = 3
#: Inverse strength of the L2 penalty; chosen on the validation split.
INVERSE_PENALTY = 5.0
#: The stretch of a feature that both kinds use alike, where the mean is 1.25.
LEAST_STRETCH = 0.25
#: The largest weight as a whole number.
LARGEST_WEIGHT = 500
#: Features kept: those of the largest weights.
KEPT = 60_000
#: The share of harmless texts of the validation split that may be taken for injections.
FALSE_POSITIVES = 0.01


@dataclass(frozen=True, slots=True)
class Fitted:
    """Whole-number weights, what 1 stands for, and the bias."""

    weights: dict[str, int]
    scale: float
    bias: float

    def cut(self, threshold: float) -> Classifier:
        """The classifier with its threshold."""
        return Classifier(self.weights, self.scale, self.bias, threshold)


def fit(samples: list[Sample]) -> Fitted:
    """Logistic regression on binary features, each text scaled to length 1.

    A feature is stretched by how differently the two kinds use it, as in Wang and Manning,
    "Baselines and Bigrams" (2012): rare words then say less.
    """
    found = [features(normalise(sample.text)) for sample in samples]
    injection = np.array([sample.injection for sample in samples])
    vectorizer = CountVectorizer(analyzer=list, binary=True, min_df=MIN_TEXTS)
    counts = csr_matrix(vectorizer.fit_transform(found), dtype=float)
    stretch = _stretch(counts, injection)
    lengths = np.sqrt([max(1, len(one)) for one in found])
    model = LogisticRegression(C=INVERSE_PENALTY, solver="liblinear", random_state=0)
    model.fit(diags(1 / lengths) @ counts @ diags(stretch), injection)
    names, weights = vectorizer.get_feature_names_out(), model.coef_[0] * stretch
    kept = np.sort(np.argsort(-np.abs(weights), kind="stable")[:KEPT])
    scale = float(np.abs(weights).max() / LARGEST_WEIGHT)
    whole = {str(names[i]): round(float(weights[i]) / scale) for i in kept}
    whole = {name: weight for name, weight in whole.items() if weight}
    return Fitted(whole, scale, float(model.intercept_[0]))


def _stretch(counts: Any, injection: NDArray[np.bool_]) -> NDArray[np.float64]:
    attack, harmless = (
        1 + np.asarray(counts[kind].sum(axis=0)).ravel() for kind in (injection, ~injection)
    )
    ratio = np.abs(np.log((attack / attack.sum()) / (harmless / harmless.sum())))
    return np.asarray(LEAST_STRETCH + ratio / ratio.mean())


def threshold(fitted: Fitted, validation: list[Sample]) -> Classifier:
    """Cut where the whole guard is wrong about so many harmless texts, our hard ones included."""
    guard = Guard(fitted.cut(0.0))
    harmless = [guard.score(sample.text) for sample in validation if not sample.injection]
    cut = np.quantile(harmless, 1 - FALSE_POSITIVES, method="higher")
    return fitted.cut(round(float(cut) + 0.001, 3))


def pack(classifier: Classifier, path: Path) -> None:
    """Write the model file, the same bytes for the same classifier."""
    raw: dict[str, Any] = {
        "scale": classifier.scale,
        "bias": classifier.bias,
        "threshold": classifier.threshold,
        "features": "\n".join(classifier.weights),
        "weights": list(classifier.weights.values()),
    }
    text = json.dumps(raw, ensure_ascii=False, separators=(",", ":"))
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
