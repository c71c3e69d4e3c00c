"""``caravan watch``: go back to a job."""

import json
from typing import TYPE_CHECKING

import typer

from cli.options import JobId, Json, Url

if TYPE_CHECKING:
    from cli.client.gateway import Gateway
    from cli.screen.screen import Screen


def watch(job_id: JobId, as_json: Json = False, url: Url = None) -> None:
    """Show a job from its first token on, until it has ended.

    Ctrl-C leaves it running. --json prints its events, one a line.
    """
    from cli.client.connect import connect
    from cli.follow import Follower
    from cli.screen.screen import Screen, on_screen

    def work(screen: Screen) -> int:
        with connect(url) as gateway:
            if screen.as_json:
                return _print_events(gateway, screen, job_id)
            return Follower(gateway, screen, cancels=False).follow(gateway.get(f"/jobs/{job_id}"))

    raise typer.Exit(on_screen(work, as_json=as_json))


def _print_events(gateway: "Gateway", screen: "Screen", job_id: str) -> int:
    from cli.client.events import JobEvents
    from cli.exits import ExitCode
    from cli.follow import outcome

    status = ExitCode.FAILED
    for event in JobEvents(gateway, f"/jobs/{job_id}/events", screen.tell):
        data = json.loads(event.data)
        screen.event({"event": event.name, "id": event.id, "data": data})
        if event.name == "done":
            status = outcome(data)
    return status
