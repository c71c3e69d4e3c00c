"""What the launcher says: lines for people, also in a log file."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def say(line: str) -> None:
    """Print a line at once, even into a pipe."""
    print(line, flush=True)


@contextmanager
def shown() -> Iterator[Callable[[str], None]]:
    """Takes a text in pieces and shows each at once; ends its line.

    A terminal gets rows that are broken between words, everything else the text as it is.
    """
    if not sys.stdout.isatty():
        yield _piece
        print(flush=True)
        return
    from cli.screen.paper import Paper

    paper = Paper(shutil.get_terminal_size().columns - 1)

    def show(text: str) -> None:
        for row in paper.write(text):
            _piece(f"\r{row}\x1b[K\n")
        _piece(f"\r{paper.open_row}\x1b[K")

    yield show
    print(flush=True)


def _piece(text: str) -> None:
    print(text, end="", flush=True)


def fail(line: str) -> None:
    """Print what went wrong, on stderr."""
    print(line, file=sys.stderr, flush=True)
