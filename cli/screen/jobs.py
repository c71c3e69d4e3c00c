"""Jobs as a table."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from cli.clock import milliseconds

STYLES = {
    "queued": "yellow",
    "in_progress": "cyan",
    "completed": "green",
    "failed": "bold red",
    "cancelled": "dim",
    "expired": "magenta",
}


#: Columns of a terminal below which what took how long is left out.
WIDE = 92


def jobs_table(
    jobs: Sequence[dict[str, Any]], width: int = WIDE, now: datetime | None = None
) -> Table:
    """A row for each job, for a terminal of so many columns."""
    moment = now or datetime.now(UTC)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    rows = [_cells(job, moment, wide=width >= WIDE) for job in jobs]
    for name in rows[0] if rows else ():
        numeric = name in ("age", "waited", "ran", "tokens")
        table.add_column(name, justify="right" if numeric else "left", no_wrap=name == "job")
    for row in rows:
        table.add_row(*row.values())
    return table


def _cells(job: dict[str, Any], now: datetime, *, wide: bool) -> dict[str, str | Text]:
    status = job["status"]
    place = (job.get("queue") or {}).get("position")
    spans = {
        "waited": _between(job, "created_at", "started_at"),
        "ran": _between(job, "started_at", "completed_at"),
    }
    return {
        "job": job["id"],
        "kind": job["kind"],
        "status": Text(f"{status} #{place}" if place else status, style=STYLES.get(status, "")),
        "priority": job["priority"],
        "age": span((now - datetime.fromisoformat(job["created_at"])).total_seconds()),
        **(spans if wide else {}),
        "tokens": str(job["usage"]["completion_tokens"] or ""),
    }


def _between(job: dict[str, Any], start: str, end: str) -> str:
    return span(milliseconds(job, start, end) / 1000) if job[start] and job[end] else ""


def span(seconds: float) -> str:
    """A time in the unit that suits it: 120ms, 3.4s, 2m, 5h, 2d."""
    if seconds < 1:
        return f"{max(0, seconds) * 1000:.0f}ms"
    for unit, size, limit in (("s", 1, 100), ("m", 60, 5400), ("h", 3600, 172_800)):
        if seconds < limit:
            return f"{seconds / size:.1f}{unit}" if unit == "s" else f"{seconds / size:.0f}{unit}"
    return f"{seconds / 86_400:.0f}d"
