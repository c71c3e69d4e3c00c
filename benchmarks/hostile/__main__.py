"""``python -m benchmarks.hostile``: the waits of good clients, alone and with 50 % bad ones.

Both load the gateway at a steady rate, far below what it can do; a third kind of turn puts as many
more good clients beside the good ones. Turns alternate; the bad ones are a process of their own.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.hostile.settings import HostileBenchSettings
from benchmarks.hostile.trial import ALONE, BESIDE_BAD, BESIDE_GOOD, Trial, Turn, in_turn, running
from benchmarks.pairs import ratio
from benchmarks.rows import Row, save

#: How many times as long a good client may wait beside bad ones.
MOST = 1.5


def main() -> int:
    """Measure, save and print; exit status 1 where a goal is missed."""
    settings = HostileBenchSettings()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hostile-bench-")))
        service = stack.enter_context(running(directory, settings))
        turns = in_turn(Trial(service, settings, directory), settings.rounds)
    deeds = sum((turn.deeds for turn in turns[BESIDE_BAD]), Counter())
    return save("hostile", settings, _rows(turns, settings), deeds=dict(deeds))


def _rows(turns: dict[str, list[Turn]], settings: HostileBenchSettings) -> list[Row]:
    alone = turns[ALONE]
    return [
        *(
            _row(f"p{p} of good clients beside as many bad ones", turns[BESIDE_BAD], alone, p, MOST)
            for p in (50, 95)
        ),
        *(
            _row(f"p{p} of good clients beside as many good ones", turns[BESIDE_GOOD], alone, p, 0)
            for p in (50, 95)
        ),
        Row(
            "the gateway's CPU meanwhile",
            f"{_load(turns[BESIDE_BAD], settings):.0f} % of a core with bad ones",
            f"{_load(alone, settings):.0f} % without",
            *(None, "", True),
        ),
    ]


def _row(what: str, turns: Sequence[Turn], alone: Sequence[Turn], percent: int, most: float) -> Row:
    spread = ratio([turn.ms(percent) for turn in turns], [turn.ms(percent) for turn in alone])
    ours, theirs = (
        f"{sum(turn.ms(percent) for turn in some) / len(some):.1f} ms" for some in (turns, alone)
    )
    goal = f"<= {most}" if most else ""
    return Row(what, ours, f"alone {theirs}", spread, goal, not most or spread.median <= most)


def _load(turns: Sequence[Turn], settings: HostileBenchSettings) -> float:
    return 100 * sum(turn.cpu_seconds for turn in turns) / len(turns) / settings.seconds


if __name__ == "__main__":
    sys.exit(main())
