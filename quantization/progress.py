"""Progress bars with the time that is left, on stderr."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Track(Protocol):
    """Goes through something and shows how far it is."""

    def __call__(self, items: Iterable[T], total: int, what: str) -> Iterator[T]:
        """Yield ``items``, of which there are ``total``."""


def track(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """A ``Track`` that draws a bar; where stderr is no terminal it draws it once, at the end."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield from progress.track(items, total=total, description=what)


def silent(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """A ``Track`` that draws nothing."""
    del total, what
    yield from items
