"""``caravan status``: the service at a glance."""

from typing import Any

import typer

from cli.options import Json, Url


def status(as_json: Json = False, url: Url = None) -> None:
    """Show the model, workers, queues, and how the last minutes went.

    Needs no login. The exit status is 1 while no worker takes jobs.
    """
    from cli.client.connect import connect
    from cli.client.problems import fault_of
    from cli.screen.screen import Screen, on_screen
    from cli.screen.status import status_page

    def work(screen: Screen) -> int:
        with connect(url) as gateway:
            answer = gateway.public("GET", "/status")
            if answer.is_error:
                raise fault_of(answer)
            body: dict[str, Any] = answer.json()
            if screen.as_json:
                screen.json(body)
            else:
                screen.print(status_page(gateway.url, body))
        return 0 if body["status"] == "healthy" else 1

    raise typer.Exit(on_screen(work, as_json=as_json))
