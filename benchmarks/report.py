"""``python -m benchmarks.report``: all rows that the benchmarks saved, as one page and one plot."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.plots import draw_ratios
from benchmarks.rows import REPORTS

#: The parts of the page in their order: a title, and whose rows stand under it.
PARTS = {
    "Gateway": ("gateway", "depth", "depth-million", "footprint"),
    "The way of a job": ("way", "delay", "crowd", "hostile"),
    "Whole stack": ("stack",),
    "transformers engine": ("engine",),
    "llamacpp engine": ("llamacpp",),
    "Prompt lookup": ("lookup",),
    "GPU": ("gpu",),
}

Found = dict[str, dict[str, Any]]


def main() -> None:
    """Read docs/benchmarks/*.json, write speed.md and speed.svg beside them."""
    found = {
        name: json.loads(path.read_text())
        for names in PARTS.values()
        for name in names
        if (path := REPORTS / f"{name}.json").exists()
    }
    (REPORTS / "speed.md").write_text(page(found))
    draw_ratios(_compared(found), REPORTS / "speed.svg")


def page(found: Found) -> str:
    """The page, in Markdown."""
    parts = [
        "\n".join([f"## {title}", "", *_table(rows), *_context(found, names)])
        for title, names in PARTS.items()
        if (rows := [row for name in names if name in found for row in found[name]["rows"]])
    ]
    missed = sum(not row["met"] for one in found.values() for row in one["rows"])
    return "\n\n".join([_opening(missed), *parts]) + "\n"


def _opening(missed: int) -> str:
    met = "Every goal is met." if not missed else f"Goals missed: {missed}, in **bold**."
    return f"""# Speed, beside peers

`make bench` measures, `python -m benchmarks.report` writes this page. Ours and the peer ran in turn
in one run; a ratio is the median of the pairs of turns, ours to the peer's, with its 95 % interval.
{met} [Performance](../performance.md) says what the figures mean and why goals are missed.

![The ratios with their intervals](speed.svg)"""


def _table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "| what | ours | peer | ours / peer | goal |"
    yield "|---|---|---|---|---|"
    for row in rows:
        goal = row["goal"] if row["met"] else f"**{row['goal']}: missed**"
        yield f"| {row['what']} | {row['ours']} | {row['peer']} | {_ratio(row['ratio'])} | {goal} |"


def _ratio(spread: dict[str, float] | None) -> str:
    if spread is None:
        return ""
    median, low, high = (f"{spread[name]:.2f}" for name in ("median", "low", "high"))
    return f"{median} ({low} to {high}, {spread['pairs']} pairs)"


def _context(found: Found, names: Sequence[str]) -> Iterator[str]:
    """Where and how each was measured."""
    yield ""
    for name in names:
        if name in found:
            one = found[name]
            at = one["machine"]
            yield (
                f"`{one['command']}`: {at['cpu']}, {at['cores']} cores, {at['measured_at'][:10]}, "
                f"load {at['load_average']} at its end ([{name}.json]({name}.json))."
            )


def _compared(found: Found) -> list[dict[str, Any]]:
    """The rows that have a ratio, in the order of the page."""
    return [
        row
        for names in PARTS.values()
        for name in names
        for row in found.get(name, {"rows": []})["rows"]
        if row["ratio"]
    ]


if __name__ == "__main__":
    main()
