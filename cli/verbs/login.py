"""``caravan login`` and ``caravan logout``."""

from typing import Annotated

import typer

from cli.options import Json, Url


def login(
    username: Annotated[
        str | None, typer.Option("--username", "-u", help="Asked for if missing.")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from stdin.")
    ] = False,
    api_key: Annotated[
        bool, typer.Option("--api-key", help="Keep an API key (cvn_...); asked for, or piped.")
    ] = False,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """Log in once; the session is kept in a private file and renewed by itself.

    A development machine's first user is admin, with the password admin123.
    """
    from cli.client.connect import address_of, client_settings
    from cli.client.entrance import Entrance, sends_in_clear
    from cli.credentials import Credentials
    from cli.screen.screen import Screen, on_screen

    def work(screen: Screen) -> int:
        settings = client_settings()
        credentials = Credentials(settings.directory)
        address = address_of(settings, credentials, url)
        if sends_in_clear(address):
            screen.tell(f"{address} is not encrypted: others on the way can read this.", "yellow")
        entrance = Entrance(address, credentials)
        if api_key:
            found = entrance.with_key(_secret("API key", piped=False))
        else:
            name = username or typer.prompt("User name", default="admin", err=True)
            found = entrance.with_password(name, _secret("Password", piped=password_stdin))
        kept = {
            "url": address,
            "username": found.username or None,
            "kept_in": str(credentials.path),
        }
        if screen.as_json:
            screen.json(kept)
        else:
            screen.print(f"Logged in at {address} as {found.username or 'the owner of the key'}.")
        return 0

    raise typer.Exit(on_screen(work, as_json=as_json))


def logout(
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="End all your sessions, on every machine.")
    ] = False,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """End the session, at the gateway and here."""
    from cli.client.connect import address_of, client_settings
    from cli.client.entrance import Entrance
    from cli.credentials import Credentials
    from cli.screen.screen import Screen, on_screen

    def work(screen: Screen) -> int:
        settings = client_settings()
        credentials = Credentials(settings.directory)
        address = address_of(settings, credentials, url)
        Entrance(address, credentials).leave(everywhere=everywhere)
        screen.json({"url": address}) if screen.as_json else screen.print(
            f"Logged out of {address}."
        )
        return 0

    raise typer.Exit(on_screen(work, as_json=as_json))


def _secret(what: str, *, piped: bool) -> str:
    """Asked for without an echo, or the first line of stdin."""
    import sys

    if piped or not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    answer: str = typer.prompt(what, hide_input=True, err=True)
    return answer
