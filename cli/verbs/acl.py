"""``caravan acl``: the users of a store that is not ours to start."""

import sys

import typer


def acl() -> None:
    """Print the store's users (REDIS_PASSWORD_GATEWAY and its like are their passwords)."""
    from cli.store_users import TEMPLATE, PasswordMissing, StoreUsersSettings, render
    from common.settings import read_settings

    passwords = read_settings(StoreUsersSettings).passwords()
    try:
        sys.stdout.write(render(TEMPLATE.read_text(), passwords))
    except PasswordMissing as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
