"""The gateway that a command talks to, from options, environment and the last login."""

import sys

from pydantic import ValidationError

from cli.client.gateway import Gateway
from cli.client.session import Session
from cli.client.settings import ClientSettings
from cli.credentials import Credentials
from cli.faults import Misused


def client_settings() -> ClientSettings:
    """Read the environment. Raises Misused, naming the variable."""
    try:
        return ClientSettings()
    except ValidationError as error:
        item = error.errors(include_url=False)[0]
        name = str(item["loc"][0]).upper()
        raise Misused(f"{name}={item['input']}: {item['msg']}.") from None


def connect(url: str | None, connections: int = 10) -> Gateway:
    """The gateway, asked as whoever is known there. Raises Misused."""
    settings = client_settings()
    credentials = Credentials(settings.directory)
    found = address_of(settings, credentials, url)
    return Gateway(found, Session(found, credentials, settings.bearer), connections)


def address_of(settings: ClientSettings, credentials: Credentials, url: str | None) -> str:
    """Which gateway is meant. Raises Misused."""
    found = settings.url(url, credentials.last_url)
    if not found.startswith(("http://", "https://")):
        raise Misused(f"--url {found}: it begins with http:// or https://.")
    return found


def standard_input() -> str:
    """All of stdin, as text. Raises Misused where it is none."""
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise Misused(f"stdin is no UTF-8: {error}.") from error
