"""The measurements as pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quantization.compare.choice import pareto_front
from quantization.compare.rows import Row

_COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2")

#: Where a dot's name stands; neighbours in size take turns.
_BESIDE = ((0, 11), (0, -18), (27, -3), (-27, -3))


def draw(rows: Sequence[Row], directory: Path, stem: str) -> list[Path]:
    """Write both plots as PNG and SVG into ``directory``."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams.update({"svg.hashsalt": "caravan", "font.size": 9, "axes.spines.top": False})
    mpl.rcParams["axes.spines.right"] = False
    figures = {"tradeoff": _tradeoff(rows), "bars": _bars(rows)}
    return [
        _save(figure, directory / f"{stem}-{name}.{suffix}")
        for name, figure in figures.items()
        for suffix in ("png", "svg")
    ]


def _tradeoff(rows: Sequence[Row]) -> Any:
    """Size against quality; the colour is speed, a ring marks the Pareto front."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
    known = sorted((row for row in rows if row.quality is not None), key=lambda row: row.size_bytes)
    sizes = [row.size_bytes / 1e6 for row in known]
    qualities = [row.quality for row in known]
    dots = axes.scatter(sizes, qualities, s=90, c=[row.speed for row in known], cmap="viridis")
    figure.colorbar(dots, label="tokens/s, one stream")
    front = pareto_front(known)
    axes.plot(
        [row.size_bytes / 1e6 for row in front],
        [row.quality for row in front],
        "o",
        color="#d62728",
        markersize=14,
        markerfacecolor="none",
        label="Pareto front: none is smaller, faster and better",
    )
    for number, row in enumerate(known):
        axes.annotate(
            row.recipe,
            (sizes[number], row.quality),
            xytext=_BESIDE[number % len(_BESIDE)],
            textcoords="offset points",
            ha="center",
        )
    axes.set(xlabel="size of the artifact (MB)", ylabel="quality score (0 to 10)")
    axes.margins(0.12)
    axes.legend(loc="lower right")
    axes.grid(alpha=0.3)
    return figure


def _bars(rows: Sequence[Row]) -> Any:
    """Speed with the spread of its repeats, and perplexity ratio with its standard error."""
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    batches = sorted({batch for row in rows for batch in row.speeds}, key=int)
    width = 0.8 / len(batches)
    for number, batch in enumerate(batches):
        heights = [row.speeds.get(batch, 0.0) for row in rows]
        spreads = [row.spreads.get(batch, (0.0, 0.0)) for row in rows]
        left.bar(
            [at + (number - (len(batches) - 1) / 2) * width for at in range(len(rows))],
            heights,
            width,
            yerr=[
                [height - low for height, (low, _) in zip(heights, spreads, strict=True)],
                [high - height for height, (_, high) in zip(heights, spreads, strict=True)],
            ],
            capsize=2,
            color=_COLOURS[number % len(_COLOURS)],
            label=f"{batch} at once",
        )
    left.set(ylabel="decoded tokens/s, least to most", title="Speed")
    left.legend()
    ratios = [100 * (row.ratio - 1) if row.ratio else 0.0 for row in rows]
    errors = [100 * (row.ratio_error or 0.0) for row in rows]
    right.bar(range(len(rows)), ratios, 0.6, yerr=errors, capsize=3, color=_COLOURS[0])
    right.set(ylabel="% more than full precision, ± standard error", title="Perplexity")
    for axes in (left, right):
        axes.set_xticks(range(len(rows)), [row.recipe for row in rows], rotation=35, ha="right")
        axes.grid(axis="y", alpha=0.3)
    return figure


def _save(figure: Any, path: Path) -> Path:
    metadata = {"Date": None} if path.suffix == ".svg" else None
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata=metadata)
    return path
