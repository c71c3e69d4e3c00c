"""The measurements as Markdown tables."""

from collections.abc import Callable, Sequence

from quantization.compare.rows import Row

#: What stands where nothing was measured.
NOTHING = "\N{EN DASH}"

#: What the document claims against FP16: smaller and faster by so many per cent.
DOCUMENT = {"int8": (47, 52), "nf4": (72, 96)}


def main_table(rows: Sequence[Row]) -> str:
    """The document's table."""
    memory = "Memory" if rows[0].measured["device"] == "cpu" else "VRAM Usage"
    digits = ".1f" if min(row.size_bytes for row in rows) >= 1e9 else ".3f"  # noqa: PLR2004
    return _table(
        [
            "Model Version",
            "Size (GB)",
            f"{memory} (GB)",
            "Inference Speed (tokens/s)",
            "Perplexity",
            "Quality Score",
        ],
        [
            [
                row.title,
                f"{row.size_bytes / 1e9:{digits}}",
                f"{row.memory_bytes / 1e9:{digits}}",
                f"{row.speed:.1f}",
                f"{row.perplexity:.2f}",
                _or_dash(row.quality, lambda score: f"{score:.1f}/10"),
            ]
            for row in rows
        ],
    )


def relative_table(rows: Sequence[Row], reference: Row) -> str:
    """Everything in per cent of FP16, beside what the document says."""
    return _table(
        ["", "Size", "Memory", "Speed", "Perplexity", "Smaller / faster", "The document"],
        [
            [
                row.title,
                _percent(row.size_bytes, reference.size_bytes),
                _percent(row.memory_bytes, reference.memory_bytes),
                _percent(row.speed, reference.speed),
                _percent(row.perplexity, reference.perplexity, ".1f"),
                f"{round(smaller(row, reference))} % / {round(faster(row, reference))} %",
                "{} % / {} %".format(*DOCUMENT[row.recipe]) if row.recipe in DOCUMENT else NOTHING,
            ]
            for row in rows
        ],
    )


def detail_table(rows: Sequence[Row]) -> str:
    """Speeds by streams, first token, load time; what quality was lost, with errors."""
    batches = sorted({batch for row in rows for batch in row.speeds}, key=int)
    return _table(
        [
            "",
            *[f"{batch} at once (tokens/s)" for batch in batches],
            "First token (s)",
            "Load (s)",
            "PPL ratio",
            "Mean KL (nats)",
            "Same top-1",
        ],
        [
            [
                row.title,
                *[_with_spread(row, batch) for batch in batches],
                _or_dash(row.first_token_seconds, lambda seconds: f"{seconds:.2f}"),
                f"{row.load_seconds:.2f}",
                _with_error(row.ratio, row.ratio_error),
                _with_error(row.kl, row.kl_error),
                _or_dash(row.top1, lambda share: f"{100 * share:.1f} %"),
            ]
            for row in rows
        ],
    )


def smaller(row: Row, reference: Row) -> float:
    """By how many per cent the artifact is smaller."""
    return 100 * (1 - row.size_bytes / reference.size_bytes)


def faster(row: Row, reference: Row) -> float:
    """By how many per cent it decodes faster."""
    return 100 * (row.speed / reference.speed - 1)


def _percent(value: float, whole: float, form: str = ".0f") -> str:
    return f"{100 * value / whole:{form}} %"


def _with_spread(row: Row, batch: str) -> str:
    if batch not in row.speeds:
        return NOTHING
    least, most = row.spreads[batch]
    return f"{row.speeds[batch]:.1f} ({least:.1f} to {most:.1f})"


def _with_error(value: float | None, error: float | None) -> str:
    if value is None or error is None:
        return NOTHING
    return f"{value:.4f} ± {error:.4f}"


def _or_dash(value: float | None, text: Callable[[float], str]) -> str:
    return NOTHING if value is None else text(value)


def _table(head: list[str], body: list[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
