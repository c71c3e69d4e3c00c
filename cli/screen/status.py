"""The service at a glance."""

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

_STATES = {"ready": "green", "loading": "yellow", "draining": "yellow", "reloading": "yellow"}


def status_page(url: str, body: dict[str, Any]) -> RenderableType:
    """One line, then workers, queues and pace."""
    return Group(_headline(url, body), Text(), _workers(body), _queues(body), Text(), _pace(body))


def _headline(url: str, body: dict[str, Any]) -> Text:
    healthy = body["status"] == "healthy"
    model = body["model"]
    named = f"{model['model_name']} ({model['engine']}, {model['quantization']})"
    line = Text(body["status"], style="bold green" if healthy else "bold red")
    return line.append(f"  {url}  {named if model['model_name'] else 'no model'}", style="default")


def _workers(body: dict[str, Any]) -> Table:
    table = _table("worker", "kind", "state", "slots", "tokens/s", "breaker")
    for worker in body["workers"]:
        state = Text(worker["state"], style=_STATES.get(worker["state"], "red"))
        if worker["error"]:
            state.append(f" {worker['error']}")
        slots = f"{worker['busy']}/{worker['slots']}" if worker["slots"] else ""
        speed = f"{worker['tokens_per_second']:.0f}" if worker["slots"] else ""
        table.add_row(worker["id"], worker["kind"], state, slots, speed, worker["breaker"] or "")
    return table


def _queues(body: dict[str, Any]) -> Text:
    waiting = ", ".join(f"{name} {count}" for name, count in body["queue"].items())
    return Text(f"Waiting: {waiting}. Running: {body['running']} of {body['slots']} slots.")


def _pace(body: dict[str, Any]) -> Table:
    table = _table("last", "completed", "failed", "jobs/min", "tokens/s", "wait p95", "total p95")
    for window in body["windows"]:
        jobs, latency = window["jobs"], window["latency"]
        table.add_row(
            f"{window['minutes']} min",
            str(jobs["completed"]),
            str(jobs["failed"]),
            f"{window['jobs_per_minute']:.0f}",
            f"{window['tokens_per_second']:.0f}",
            _milliseconds(latency["queue_wait_ms"]["p95"]),
            _milliseconds(latency["total_ms"]["p95"]),
        )
    return table


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.0f} ms"


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name)
    return table
