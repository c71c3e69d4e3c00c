"""A load: its progress, and its numbers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from cli.screen.screen import Screen

_ROWS = {"total_ms": "total", "queue_wait_ms": "waited", "run_ms": "ran"}


@contextmanager
def load_progress(screen: Screen, jobs: int | None) -> Iterator[Callable[[], None]]:
    """Call what it gives once for each job that has ended."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=screen.err, transient=True, disable=not screen.live)
    task = bar.add_task("jobs", total=jobs)
    with bar:
        yield lambda: bar.advance(task)


def load_page(body: dict[str, Any]) -> RenderableType:
    """Rates in a line, quantiles in a table, and what went wrong."""
    jobs = (
        ", ".join(f"{count} {status}" for status, count in body["jobs"].items()) or "no job ended"
    )
    lines: list[RenderableType] = [
        Text(f"{jobs} in {body['seconds']:.1f} s with {body['concurrency']} clients"),
        Text(f"{body['jobs_per_minute']:g} jobs/min · {body['tokens_per_second']:g} tokens/s"),
        _quantiles(body),
    ]
    for name, style in (("refusals", "yellow"), ("errors", "bold red")):
        counted = ", ".join(f"{count} {code}" for code, count in body[name].items())
        lines += [Text(f"{name}: {counted}", style=style)] if counted else []
    return Group(*lines)


def _quantiles(body: dict[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("ms")
    for name in body["total_ms"]:
        table.add_column(name, justify="right")
    for key, label in _ROWS.items():
        values = body[key].values()
        table.add_row(label, *("" if value is None else f"{value:,.1f}" for value in values))
    return table
