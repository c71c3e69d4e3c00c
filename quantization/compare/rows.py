"""One measured artifact as a row of the table."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from common.artifact import ArtifactError
from quantization.recipes import RECIPES, REFERENCE


@dataclass(frozen=True, slots=True)
class Row:
    """``speeds`` and their spreads (least, most) are tokens a second by streams at once.

    ``ratio`` is perplexity over the full-precision model's; errors are standard errors.
    What could not be measured is None.
    """

    recipe: str
    title: str
    size_bytes: int
    memory_bytes: int
    speeds: dict[str, float]
    spreads: dict[str, tuple[float, float]]
    first_token_seconds: float | None
    load_seconds: float
    perplexity: float
    ratio: float | None
    ratio_error: float | None
    kl: float | None
    kl_error: float | None
    top1: float | None
    quality: float | None
    measured: dict[str, Any]

    @classmethod
    def of(cls, measured: dict[str, Any]) -> Self:
        """Read a result of ``measure``."""
        errors = measured["errors"] or {}
        decode = measured["spread"]["decode"]
        return cls(
            recipe=measured["recipe"],
            title=measured["title"],
            size_bytes=measured["artifact_bytes"],
            memory_bytes=measured["peak_memory_bytes"],
            speeds=measured["decode_tokens_per_second"],
            spreads={batch: (rate["least"], rate["most"]) for batch, rate in decode.items()},
            first_token_seconds=measured["time_to_first_token_seconds"],
            load_seconds=measured["load_seconds"],
            perplexity=measured["perplexity"],
            ratio=measured["perplexity_ratio"],
            ratio_error=errors.get("perplexity_ratio"),
            kl=measured["mean_kl"],
            kl_error=errors.get("mean_kl"),
            top1=measured["top1_agreement"],
            quality=measured["quality_score"],
            measured=measured,
        )

    @property
    def speed(self) -> float:
        """Of one stream, as in the document; else of the fewest measured."""
        return self.speeds[min(self.speeds, key=int)]


def read_rows(paths: Sequence[Path]) -> list[Row]:
    """Read files, or all .json files of directories, in the order of the recipes.

    Raises ArtifactError where one is no result of ``measure``, or where they do not compare.
    """
    files = [file for path in paths for file in (sorted(path.glob("*.json")) or [path])]
    rows = [_read(file) for file in files]
    if not rows:
        raise ArtifactError("there is nothing to compare: run measure with --json first")
    check_comparable(rows)
    order = list(RECIPES)
    return sorted(rows, key=lambda row: order.index(row.recipe))


def check_comparable(rows: Sequence[Row]) -> None:
    """Raises ArtifactError where texts, windows or models differ."""
    for what in ("text_sha256", "window", "context_size", "slots"):
        if len({row.measured["protocol"][what] for row in rows}) > 1:
            raise ArtifactError(f"these results do not compare: they differ in {what}")
    if len({row.measured["model"] for row in rows}) > 1:
        raise ArtifactError("these results do not compare: they are of different models")
    if len({row.recipe for row in rows}) < len(rows):
        raise ArtifactError("there are two results of one recipe: keep one")


def reference_of(rows: Sequence[Row]) -> Row | None:
    """The row that percentages refer to."""
    return next((row for row in rows if row.recipe == REFERENCE), None)


def _read(path: Path) -> Row:
    try:
        return Row.of(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} is no result of measure: {error!r}") from error
