"""``python -m cli up | down | flower``."""

import argparse
import signal
import sys
from types import FrameType

from cli.down import down
from cli.flower import run_flower
from cli.settings import LauncherSettings
from cli.up import up
from common.settings import read_settings

#: The exit status of a program that Ctrl-C ended, by the shell's custom.
INTERRUPTED = 130


def main() -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m cli", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="start everything and show a first answer")
    start.add_argument("--detach", action="store_true", help="return once it has answered")
    commands.add_parser("down", help="drain and stop everything")
    commands.add_parser("flower", help="serve Flower, as `up` does")
    options = parser.parse_args()

    settings = read_settings(LauncherSettings)
    if options.command == "flower":
        run_flower(settings)
        return 0
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return down(settings) if options.command == "down" else up(settings, detach=options.detach)
    except KeyboardInterrupt:
        return INTERRUPTED


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """A closed terminal or a polite kill is a Ctrl-C."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
