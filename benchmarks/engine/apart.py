"""Contenders in a process of their own, as each is used.

In one process they would disturb each other even when idle: where a process has more OpenMP
threads than cores, none of them waits awake.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from benchmarks.engine.contenders import Contender, Outcome, Prompts

T = TypeVar("T")


class Apart:
    """Implements Contender over those that ``build(*arguments)`` makes, by ``name``."""

    def __init__(self, build: Callable[..., dict[str, Contender]], *arguments: Any) -> None:
        spawning = get_context("spawn")
        self._mine, theirs = spawning.Pipe()
        self._process = spawning.Process(target=_serve, args=(theirs, build, arguments))
        self._process.start()

    def run(self, name: str, prompts: Prompts, streams: int, max_tokens: int) -> Outcome:
        """What the contender's ``run`` gives. Raises EOFError if its process has ended."""
        self._mine.send((name, prompts, streams, max_tokens))
        outcome: Outcome = self._mine.recv()
        return outcome

    def close(self) -> None:
        """End the process."""
        self._mine.send(None)
        self._process.join()


def alone(measure: Callable[..., T], *arguments: Any) -> T:
    """``measure(*arguments)`` in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(measure, *arguments).result()


def _serve(
    mine: Connection, build: Callable[..., dict[str, Contender]], arguments: tuple[Any, ...]
) -> None:
    ways = build(*arguments)
    while (asked := mine.recv()) is not None:
        name, *rest = asked
        mine.send(ways[name].run(*rest))
    for way in ways.values():
        way.close()
