"""Runs a suspect alone: a job that was running when its worker died or its engine failed.

Whoever shares a batch with the job that breaks it looks as guilty. So suspects are tried
one at a time, each with the worker to itself, until one is caught or all are cleared.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Quarantine:
    """A read-write lock; who wants to be alone goes before new company."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._together = 0
        self._alone = False
        self._waiting = 0

    @contextmanager
    def together(self) -> Iterator[None]:
        """Run beside others; wait while somebody is alone, or wants to be."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone and not self._waiting)
            self._together += 1
        try:
            yield
        finally:
            with self._changed:
                self._together -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self, *, last: bool = False) -> Iterator[None]:
        """Run with nobody else; wait until the others have ended.

        Who comes ``last`` lets all go first who want to be alone, too.
        """
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(
                lambda: not (self._alone or self._together or (last and self._waiting > 1))
            )
            self._waiting -= 1
            self._alone = True
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()
