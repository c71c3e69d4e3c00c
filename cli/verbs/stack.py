"""``caravan up``, ``down`` and ``flower``: the launcher behind ``make run``."""

import signal
from types import FrameType
from typing import Annotated

import typer


def up(
    detach: Annotated[bool, typer.Option("--detach", help="Return once it has answered.")] = False,
) -> None:
    """Start everything on this machine and show a first answer, as `make run` does."""
    from cli.settings import LauncherSettings
    from cli.up import up as bring_up
    from common.settings import read_settings

    settings = read_settings(LauncherSettings)
    _end_politely()
    raise typer.Exit(bring_up(settings, detach=detach))


def down() -> None:
    """Drain and stop what `caravan up` or `make run` started."""
    from cli.down import down as bring_down
    from cli.settings import LauncherSettings
    from common.settings import read_settings

    settings = read_settings(LauncherSettings)
    _end_politely()
    raise typer.Exit(bring_down(settings))


def flower() -> None:
    """Serve Flower, as `up` does."""
    from cli.flower import run_flower
    from cli.settings import LauncherSettings
    from common.settings import read_settings

    run_flower(read_settings(LauncherSettings))


def _end_politely() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """A closed terminal or a polite kill is a Ctrl-C."""
    raise KeyboardInterrupt
