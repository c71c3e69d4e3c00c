"""Clients in a closed loop, and what a turn of them cost each process."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count, islice
from typing import NamedTuple, Protocol

#: Answers job ``number``; returns the tokens of the answer.
Ask = Callable[[int], int]

_TOPICS = (
    "why bond prices fall when interest rates rise",
    "how a call option gains from implied volatility",
    "what a wide spread says of a thin market",
    "how a bank makes money from a yield curve",
    "why an index fund beats most of its rivals",
)


class Outcome(NamedTuple):
    """Tokens of the answers, and seconds from the first request to the last answer."""

    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Turn:
    """An outcome with the CPU seconds of each process."""

    outcome: Outcome
    cpu: Mapping[str, float]

    @property
    def tokens_per_second(self) -> float:
        return self.outcome.tokens / self.outcome.seconds

    @property
    def cpu_seconds(self) -> float:
        return sum(self.cpu.values())


class Contender(Protocol):
    """Somebody who answers jobs."""

    def run(self, jobs: Sequence[Sequence[int]]) -> Outcome:
        """Answer the jobs of each client, one after the other; clients all at once."""

    def pids(self) -> Mapping[str, int]:
        """The processes that work for it."""


def question(number: int) -> str:
    """A prompt of some 40 tokens that no other number has; the answer is long."""
    topic = _TOPICS[number % len(_TOPICS)]
    return (
        f"Chapter {number}. Write a long and careful essay for a general reader that explains "
        f"{topic}. Begin with an example from daily life, and go into every detail."
    )


def share(numbers: Iterator[int], clients: int, jobs: int) -> list[list[int]]:
    """The next numbers, ``jobs`` for each client."""
    return [list(islice(numbers, jobs)) for _ in range(clients)]


def closed_loop(ask: Ask, jobs: Sequence[Sequence[int]]) -> Outcome:
    """A thread for each client asks for its jobs, one after the other."""

    def client(numbers: Sequence[int]) -> int:
        return sum(map(ask, numbers))

    with ThreadPoolExecutor(len(jobs)) as clients:
        started = time.perf_counter()
        tokens = sum(clients.map(client, jobs))
        return Outcome(tokens, time.perf_counter() - started)


def in_turn(
    ways: Mapping[str, Contender], rounds: int, clients: int, jobs: int
) -> dict[str, list[Turn]]:
    """The turns of each way; the first round warms up and is left out.

    Ways change places from round to round, so that nobody always follows the same one.
    """
    turns: dict[str, list[Turn]] = {name: [] for name in ways}
    numbers = count()
    for number in range(rounds + 1):
        asked = share(numbers, clients, jobs)
        for name in sorted(ways, reverse=bool(number % 2)):
            turn = _turn(ways[name], asked)
            if number:
                turns[name].append(turn)
    return turns


def milliseconds_a_token(turns: Sequence[Turn]) -> dict[str, float]:
    """What a token costs each process, in milliseconds of CPU."""
    tokens = sum(turn.outcome.tokens for turn in turns)
    return {
        name: round(1e3 * sum(turn.cpu[name] for turn in turns) / tokens, 3)
        for name in turns[0].cpu
    }


def _turn(way: Contender, jobs: Sequence[Sequence[int]]) -> Turn:
    before = _cpu_seconds(way.pids())
    outcome = way.run(jobs)
    after = _cpu_seconds(way.pids())
    return Turn(outcome, {name: after[name] - before[name] for name in after})


def _cpu_seconds(pids: Mapping[str, int]) -> dict[str, float]:
    import psutil

    times = {name: psutil.Process(pid).cpu_times() for name, pid in pids.items()}
    return {name: time.user + time.system for name, time in times.items()}
