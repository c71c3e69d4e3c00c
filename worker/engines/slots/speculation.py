"""How many ids are drafted in a step: as many as pay, on this machine and for this text.

A draft goes through the model behind the last id, in the same pass, and counts as far as the
sampler then chooses those very ids: it changes no answer, only how many tokens a step makes.
"""

from collections.abc import Callable, Iterable
from time import perf_counter

from worker.engines.slots.sequence import Sequence

#: A smaller gain than this is not certain, and nothing is drafted.
WORTHWHILE = 1.1
#: All are timed so often, in turn, unless that takes long.
_ROUNDS, _ROUND_SECONDS = 3, 1.0


class Speculation:
    """Plans each step; without ``seconds`` it drafts nothing.

    ``seconds[rows - 1][tokens]`` is how long a step takes with a draft of so many in each row.
    """

    def __init__(self, seconds: list[list[float]] | None = None, context_size: int = 0) -> None:
        self.seconds = seconds or []
        self._context_size = context_size

    def plan(self, running: Iterable[Sequence]) -> None:
        """Give those who decode their drafts, all as long as each other.

        Rows of several lengths go through attention, or through llama.cpp, one after the other.
        """
        ready = [one for one in running if one.is_prefilled]
        if ready and self.seconds:
            tokens = best_length([one.chance for one in ready], self.seconds[len(ready) - 1])
            room = min(self._context_size - len(one.ids) for one in ready)
            for one in ready:
                one.propose(min(tokens, room))


def best_length(chances: list[float], seconds: list[float]) -> int:
    """The length of the drafts with which a step makes the most tokens a second.

    ``chances`` are those of each row that the next id of a draft is right, those before it being
    so; ``seconds`` those of a step with drafts of 0, 1, 2... ids.
    """
    made = [
        sum(chance**n for chance in chances for n in range(length + 1))
        for length in range(len(seconds))
    ]
    pace = [tokens / took for tokens, took in zip(made, seconds, strict=True)]
    best = max(range(len(pace)), key=pace.__getitem__)
    return best if pace[best] > WORTHWHILE * pace[0] else 0


def measured(step: Callable[[int, int], object], slots: int, most: int) -> list[list[float]]:
    """Seconds of steps of 1 to ``slots`` rows with drafts of 0 to ``most`` ids.

    ``step`` takes both. Those of one row and of all are timed, and what is between is a line.
    """
    shapes = [(rows, length) for rows in (1, slots) for length in range(most + 1)]
    step(slots, most)  # the first one finds nothing in place
    rounds: list[list[float]] = []
    while len(rounds) < _ROUNDS and sum(map(sum, rounds)) < _ROUND_SECONDS:
        rounds.append([_seconds(step, *shape) for shape in shapes])
    least = [min(times) for times in zip(*rounds, strict=True)]
    one, all_ = _rising(least[: most + 1]), _rising(least[most + 1 :])
    shares = [row / max(1, slots - 1) for row in range(slots)]
    return [
        [few + share * (many - few) for few, many in zip(one, all_, strict=True)]
        for share in shares
    ]


def _rising(seconds: list[float]) -> list[float]:
    """No draft makes a step shorter: where one seems to, the shorter one was disturbed."""
    return [min(seconds[length:]) for length in range(len(seconds))]


def _seconds(step: Callable[[int, int], object], rows: int, length: int) -> float:
    """After a step without a draft, as most are: one of another shape needs a graph of its own."""
    step(rows, 0)
    started = perf_counter()
    step(rows, length)
    return perf_counter() - started
