"""Ratios as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

_MET, _MISSED = "#4c78a8", "#d62728"
_TICKS = (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6)


def draw_ratios(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """A dot for each row's median ratio, a line for its interval; red where the goal is missed."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams.update({"svg.hashsalt": "caravan", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 1 + 0.28 * len(rows)), layout="constrained")
    for height, row in enumerate(rows):
        spread, colour = row["ratio"], _MET if row["met"] else _MISSED
        axes.plot([spread["low"], spread["high"]], [height, height], color=colour, linewidth=2)
        axes.plot(spread["median"], height, "o", color=colour, markersize=5)
    axes.axvline(1, color="#888888", linewidth=1, zorder=0)
    axes.set(xscale="log", xlabel="ours / peer (median and 95 % interval)")
    axes.set_yticks(range(len(rows)), [row["what"] for row in rows])
    axes.invert_yaxis()
    axes.set_xticks(_TICKS, [f"{tick:g}" for tick in _TICKS])
    axes.minorticks_off()
    axes.grid(axis="x", alpha=0.3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
