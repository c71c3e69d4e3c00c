"""``caravan backup`` and ``restore``, behind ``make backup`` and ``make restore``."""

from pathlib import Path
from typing import Annotated

import typer

Target = Annotated[Path | None, typer.Argument(help="Default: a new file in STATE_DIR/backups.")]
Force = Annotated[bool, typer.Option("--force", help="Put aside what is there.")]


def backup(target: Target = None) -> None:
    """Save the running stack's store, files and secrets into one archive."""
    from cli.backup.backup import backup as save
    from cli.settings import LauncherSettings
    from common.settings import read_settings

    raise typer.Exit(save(read_settings(LauncherSettings), target))


def restore(archive: Path, force: Force = False) -> None:
    """Put a backup into a stopped, empty stack."""
    from cli.backup.restore import restore as load
    from cli.settings import LauncherSettings
    from common.settings import read_settings

    raise typer.Exit(load(read_settings(LauncherSettings), archive, force=force))
