"""What the whole guard catches, what it lets through, and how long it takes."""

import json
import platform
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from api.guard.classifier import Classifier
from api.guard.guard import Guard, Level
from benchmarks.guard.sources import Sample
from benchmarks.guard.splits import Splits

#: Resamplings behind each interval.
BOOTSTRAPS = 500
#: Lengths of the texts that are timed, in characters.
TIMED = (200, 1000, 10_000)

Flags = NDArray[np.bool_]


def report(splits: Splits, classifier: Classifier) -> dict[str, Any]:
    """All figures, ready for JSON."""
    guard = Guard(classifier)
    return {
        "samples": {name: len(getattr(splits, name)) for name in splits.__slots__},
        "threshold": classifier.threshold,
        "test": _figures(splits.test, guard),
        "outside": _figures(splits.outside, guard),
        "by_source": {
            source: _shares(found, guard)
            for source, found in sorted(_by_source(splits.test + splits.outside).items())
        },
        "milliseconds": {str(length): _timing(guard, splits.test, length) for length in TIMED},
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }


def write(figures: dict[str, Any], folder: Path) -> None:
    """guard.json and guard.md."""
    (folder / "guard.json").write_text(json.dumps(figures, indent=1) + "\n")
    (folder / "guard.md").write_text(_markdown(figures))


def _figures(samples: list[Sample], guard: Guard) -> dict[str, Any]:
    injection = np.array([sample.injection for sample in samples])
    scores = np.array([guard.score(sample.text) for sample in samples])
    levels = np.array([guard.check(sample.text).level for sample in samples])
    caught = levels != Level.ALLOW

    def at_one_percent(picked: NDArray[np.intp]) -> float:
        cut = np.quantile(scores[picked][~injection[picked]], 0.99)
        return float((scores[picked][injection[picked]] > cut).mean())

    return {
        "auc": _interval(lambda i: float(roc_auc_score(injection[i], scores[i])), injection),
        "recall_at_1_percent": _interval(at_one_percent, injection),
        "recall": _interval(lambda i: float(caught[i][injection[i]].mean()), injection),
        "false_positives": _interval(lambda i: float(caught[i][~injection[i]].mean()), injection),
        "precision": _interval(lambda i: float(injection[i][caught[i]].mean()), injection),
    }


def _interval(figure: Callable[[NDArray[np.intp]], float], injection: Flags) -> list[float]:
    """The figure, and the middle 95 % of it over resampled texts of both kinds."""
    draw = np.random.default_rng(0)
    kinds = [np.flatnonzero(injection), np.flatnonzero(~injection)]
    resampled = [
        figure(np.concatenate([draw.choice(kind, len(kind)) for kind in kinds]))
        for _ in range(BOOTSTRAPS)
    ]
    low, high = np.quantile(resampled, [0.025, 0.975])
    return [round(float(x), 4) for x in (figure(np.arange(len(injection))), low, high)]


def _by_source(samples: list[Sample]) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for sample in samples:
        found.setdefault(sample.source, []).append(sample)
    return found


def _shares(samples: list[Sample], guard: Guard) -> dict[str, float | int | None]:
    caught = {True: 0, False: 0}
    total = {True: 0, False: 0}
    for sample in samples:
        total[sample.injection] += 1
        caught[sample.injection] += guard.check(sample.text).level is not Level.ALLOW
    return {
        "injections": total[True],
        "caught": round(caught[True] / total[True], 4) if total[True] else None,
        "harmless": total[False],
        "let_through": round(1 - caught[False] / total[False], 4) if total[False] else None,
    }


def _timing(guard: Guard, samples: list[Sample], length: int) -> dict[str, float]:
    """p50 and p99 of one check in CPU time, over texts put together from the test split."""
    draw, texts = random.Random(0), [sample.text for sample in samples]
    seconds = []
    for _ in range(400):
        text = ""
        while len(text) < length:
            text += draw.choice(texts) + " "
        start = time.thread_time()
        guard.check(text[:length])
        seconds.append(time.thread_time() - start)
    p50, p99 = np.quantile(seconds, [0.5, 0.99]) * 1000
    return {"p50": round(float(p50), 3), "p99": round(float(p99), 3)}


def _markdown(figures: dict[str, Any]) -> str:
    def shown(part: str, name: str) -> str:
        value, low, high = (f"{100 * x:.1f}" for x in figures[part][name])
        return f"{value} % ({low} to {high})"

    rows = [
        ("AUC", "auc"),
        ("Recall at 1 % false positives", "recall_at_1_percent"),
        ("Recall at the shipped threshold", "recall"),
        ("False positives at it", "false_positives"),
        ("Precision at it", "precision"),
    ]
    lines = [
        "# The prompt guard, measured",
        "",
        "Made by `make guard`. Intervals are 95 %, from 500 resamplings.",
        "",
        "| | test splits | a set not trained on |",
        "|---|---|---|",
        *(
            f"| {title} | {shown('test', name)} | {shown('outside', name)} |"
            for title, name in rows
        ),
        "",
        "| Source | injections | caught | harmless | let through |",
        "|---|---|---|---|---|",
        *(_source_row(source, row) for source, row in figures["by_source"].items()),
        "",
        "| Characters | p50 ms (CPU) | p99 ms (CPU) |",
        "|---|---|---|",
        *(f"| {n} | {t['p50']} | {t['p99']} |" for n, t in figures["milliseconds"].items()),
        "",
        f"Machine: {figures['machine']}. Samples: {figures['samples']}.",
    ]
    return "\n".join(lines) + "\n"


def _source_row(source: str, row: dict[str, Any]) -> str:
    caught, through = (
        "-" if row[name] is None else f"{100 * row[name]:.1f} %"
        for name in ("caught", "let_through")
    )
    return f"| {source} | {row['injections']} | {caught} | {row['harmless']} | {through} |"
