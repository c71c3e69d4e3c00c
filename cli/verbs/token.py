"""``caravan token``: a bearer token for scripts."""

import typer

from cli.options import Json, Url


def token(as_json: Json = False, url: Url = None) -> None:
    """Print a token that is good now, renewed if need be: TOKEN=$(caravan token)."""
    from cli.client.connect import connect
    from cli.screen.screen import Screen, on_screen

    def work(screen: Screen) -> int:
        with connect(url) as gateway:
            bearer = gateway.bearer()
        screen.json({"token": bearer}) if screen.as_json else screen.raw(f"{bearer}\n")
        return 0

    raise typer.Exit(on_screen(work, as_json=as_json))
