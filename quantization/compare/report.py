"""The report: tables, pictures, a recommendation, and how it was measured."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quantization.compare.choice import Rules, best_overall, most_frugal, recommendation
from quantization.compare.rows import Row, reference_of
from quantization.compare.table import detail_table, main_table, relative_table


def markdown(rows: Sequence[Row], rules: Rules, pictures: Sequence[str], command: str) -> str:
    """The whole report; ``pictures`` are addresses relative to it."""
    measured = rows[0].measured
    reference = reference_of(rows)
    parts = [
        f"# Quantization of {measured['model']}",
        _origin(command),
        *_notes(rows),
        "## Results",
        main_table(rows),
        *_against(rows, reference),
        "## Speed and loss in detail",
        detail_table(rows),
        *[f"![{Path(picture).stem}]({picture})" for picture in pictures],
        "## How it was measured",
        _protocol(measured),
        "## Recommendation",
        recommendation(rows, reference, rules) if reference else "Measure fp16 for one.",
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def summary(rows: Sequence[Row], rules: Rules) -> dict[str, Any]:
    """The same for programs: every measurement, and the choices by name."""
    reference = reference_of(rows)
    chosen = (best_overall(rows, reference, rules), most_frugal(rows, rules)) if reference else ()
    names = [row.recipe if row else None for row in chosen] or [None, None]
    return {
        "model": rows[0].measured["model"],
        "rules": rules.sentence(),
        "best_overall": names[0],
        "for_resource_constrained_environments": names[1],
        "measurements": [row.measured for row in rows],
    }


def _origin(command: str) -> str:
    return (
        f"Written by `{command}`; do not edit. What each column means, and what it cannot say: "
        "[quantization](../quantization.md)."
    )


def _against(rows: Sequence[Row], reference: Row | None) -> list[str]:
    if reference is None:
        return []
    return ["## Against FP16", relative_table(rows, reference)]


def _protocol(measured: dict[str, Any]) -> str:
    protocol, machine = measured["protocol"], measured["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in measured["versions"].items())
    facts = {
        "Machine": f"{machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_bytes'] / 1e9:.0f} GB, {machine['system']}; device "
        f"{measured['device']}; load average {machine['load_average']} at the first row",
        "Versions": packages,
        "Perplexity": protocol["perplexity"],
        "Text": f"{protocol['text']}, {measured['tokens_scored']} of {protocol['text_tokens']} "
        f"tokens scored in {protocol['windows']} windows of {protocol['window']}; sha256 "
        f"`{protocol['text_sha256'][:16]}`",
        "Reference": f"the same weights, computed in {protocol['reference_precision']}",
        "Speed": protocol["decoding"],
        "Memory": f"peak of a process of its own with {protocol['slots']} slots of "
        f"{protocol['context_size']} tokens, libraries included",
        "Errors": protocol["errors"],
        "Quality score": f"`{protocol['quality_score']}`",
        "Command of the first row": f"`{measured['command']}`",
    }
    return "\n".join(f"- {name}: {fact}." for name, fact in facts.items())


def _notes(rows: Sequence[Row]) -> list[str]:
    """What to know before believing the table."""
    notes = {note for row in rows for note in row.measured["artifact"]["notes"]}
    sources = [row.measured["artifact"]["source"].get("converted_from") for row in rows]
    origin = next((source for source in sources if source), None)
    lines = [f"- {note}" for note in sorted(notes)]
    if origin:
        lines.insert(
            0,
            f"- The full-precision weights were taken out of {origin}: they lie on its grid "
            "already. A recipe with the same grid loses nothing here, the others lose what they "
            "lose beyond it. This table shows the method; for a choice, measure your own model.",
        )
    return ["## Read this first", "\n".join(lines)] if lines else []
