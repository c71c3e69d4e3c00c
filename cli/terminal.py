"""What the launcher says: lines for people, also in a log file."""

import sys


def say(line: str) -> None:
    """Print a line at once, even into a pipe."""
    print(line, flush=True)


def show(text: str) -> None:
    """Print a piece of a line at once."""
    print(text, end="", flush=True)


def fail(line: str) -> None:
    """Print what went wrong, on stderr."""
    print(line, file=sys.stderr, flush=True)
