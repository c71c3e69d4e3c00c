"""Which artifact to take, by rules that the user states."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from quantization.compare.rows import Row
from quantization.compare.table import faster, smaller


@dataclass(frozen=True, slots=True)
class Rules:
    """``prefer`` decides among those that keep to the limits.

    ``floor`` is the quality below which nothing is recommended even where memory is short.
    """

    max_memory_bytes: int | None = None
    min_quality: float = 8.5
    floor: float = 7.0
    prefer: str = "balance"

    def sentence(self) -> str:
        """The rules in words."""
        memory = self.max_memory_bytes
        limit = f", memory at most {memory / 1e9:g} GB" if memory else ""
        return (
            f"Best overall: quality at least {self.min_quality:g}{limit}; of these "
            f"{_MEANING[self.prefer]}. For resource-constrained environments: the smallest with "
            f"quality at least {self.floor:g}{limit}."
        )


_MEANING = {
    "balance": "the largest product of how much smaller, how much faster and how good",
    "speed": "the fastest",
    "size": "the smallest",
    "quality": "the best",
}

PREFERENCES = tuple(_MEANING)


def best_overall(rows: Sequence[Row], reference: Row, rules: Rules) -> Row | None:
    """The preferred one of those that keep to the limits; None if there is none."""
    measures: Mapping[str, Callable[[Row], float]] = {
        "balance": lambda row: _balance(row, reference),
        "speed": lambda row: row.speed,
        "size": lambda row: -row.size_bytes,
        "quality": lambda row: row.quality or 0.0,
    }
    return max(_within(rows, rules, rules.min_quality), key=measures[rules.prefer], default=None)


def most_frugal(rows: Sequence[Row], rules: Rules) -> Row | None:
    """The smallest that is still good enough; of equals the fastest."""
    return min(
        _within(rows, rules, rules.floor),
        key=lambda row: (row.size_bytes, -row.speed),
        default=None,
    )


def recommendation(rows: Sequence[Row], reference: Row, rules: Rules) -> str:
    """Both choices with their reasons, as Markdown."""
    best, frugal = best_overall(rows, reference, rules), most_frugal(rows, rules)
    return "\n".join(
        [
            f"Rules: {rules.sentence()}",
            "",
            f"**Best Overall**: {_reasons(best, reference)}",
            "",
            f"**For Resource-Constrained Environments**: {_reasons(frugal, reference)}",
        ]
    )


def pareto_front(rows: Sequence[Row]) -> list[Row]:
    """Those that no other one beats in size, speed and quality at once."""
    return [row for row in rows if not any(_beats(other, row) for other in rows)]


def _within(rows: Sequence[Row], rules: Rules, quality: float) -> list[Row]:
    limit = rules.max_memory_bytes
    return [
        row
        for row in rows
        if (row.quality or 0.0) >= quality and (limit is None or row.memory_bytes <= limit)
    ]


def _balance(row: Row, reference: Row) -> float:
    return (
        (reference.size_bytes / row.size_bytes) * (row.speed / reference.speed) * (row.quality or 0)
    )


def _beats(one: Row, other: Row) -> bool:
    pairs = (
        (-one.size_bytes, -other.size_bytes),
        (one.speed, other.speed),
        (one.quality or 0.0, other.quality or 0.0),
    )
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def _reasons(row: Row | None, reference: Row) -> str:
    if row is None:
        return "none keeps to the rules; relax --min-quality or --max-memory."
    if row is reference:
        return f"{row.title}. No quantized version gains enough here to pay for what it loses."
    return (
        f"{row.title}. {_more_or_less(smaller(row, reference), 'smaller', 'larger')} and "
        f"{_more_or_less(faster(row, reference), 'faster', 'slower')} than FP16 "
        f"({row.speed:.1f} against {reference.speed:.1f} tokens/s), {_loss(row)}."
    )


def _more_or_less(percent: float, more: str, less: str) -> str:
    return f"{abs(percent):.0f} % {more if percent >= 0 else less}"


def _loss(row: Row) -> str:
    if row.ratio is None or row.ratio_error is None or row.quality is None or row.top1 is None:
        return "quality not measured"
    change = 100 * (row.ratio - 1)
    return (
        f"perplexity {change:+.2f} ± {100 * row.ratio_error:.2f} %, the same likeliest token in "
        f"{100 * row.top1:.1f} % of places, quality {row.quality:.1f}/10"
    )
