"""``python -m benchmarks.way``: what the way of a job costs, beside stock Celery and taskiq.

Clients in a closed loop ask for work and wait for the answer; what they waited longer than the
work itself took, as it measured, is the way. All services run at once, and are asked in turn.
"""

import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings

from benchmarks.pairs import ratio
from benchmarks.rows import Row, save
from benchmarks.way.asks import ours
from benchmarks.way.delays import delays_of, read_streams
from benchmarks.way.services import running_peers, running_service
from benchmarks.way.stages import overhead_seconds, percentiles, stage_lines, stage_table
from benchmarks.way.stamps import MADE, Stamps, read_stamps

OURS = "caravan"
#: Milliseconds at most.
MOST_P50, MOST_P99, MOST_TOKEN_P50 = 15.0, 50.0, 5.0
#: The part of a peer's overhead, at most.
MOST_OF = {"stock Celery": 1 / 3}
#: The shortest and the longest job, in parts of the usual one. Jobs of one length fall into step:
#: all clients would ask at the same moment, and wait for each other instead of for the way.
SHORTEST, LONGEST = 0.5, 1.5

#: Overheads in seconds by service, a list for each turn.
Turns = Mapping[str, list[list[float]]]


class WayBenchSettings(BaseSettings):
    """Read from the environment, as WAY_BENCH_ROUNDS and so on."""

    model_config = {"env_prefix": "WAY_BENCH_"}

    rounds: int = Field(10, ge=1)
    jobs: int = Field(60, ge=3, description="of a turn")
    concurrency: int = Field(3, ge=1)
    tokens: int = Field(10, ge=1, description="of the usual job")
    tokens_per_second: float = Field(200, gt=0, description="of a slot")
    stream_tokens: int = Field(400, ge=1, description="of a stream whose delays are measured")
    streams: int = Field(6, ge=1, description="how many, CONCURRENCY at a time")

    @property
    def work_seconds(self) -> float:
        """What the usual job takes."""
        return self.tokens / self.tokens_per_second


def main() -> int:
    """Measure, save and print; exit status 1 where a goal is missed."""
    settings = WayBenchSettings()
    with TemporaryDirectory(prefix="way-bench-") as name:
        way, stages, delays = _measure(Path(name), settings)
    print(stage_lines(stages))  # noqa: T201
    return save(
        "way",
        settings,
        [*_rows(way), _limit("delay of a token to its reader, p50", delays, 50, MOST_TOKEN_P50)],
        overhead_ms={name: percentiles(_all_ms(turns)) for name, turns in way.items()},
        token_delay_ms=percentiles(delays),
        stages=stages,
    )


def _measure(
    directory: Path, settings: WayBenchSettings
) -> tuple[Turns, list[dict[str, Any]], list[float]]:
    """Everybody's overheads, the stages of ours, and the delays of tokens in milliseconds."""
    path, per_second = directory / "stamps", settings.tokens_per_second
    with running_service(directory, path, per_second) as service:
        token = service.token()
        ask = ours(service.base_url, token, per_second, Stamps(path))
        with running_peers(directory, service.valkey) as peers:
            answered = _in_turn({OURS: ask, **peers}, settings)
        streams = read_streams(
            *(service.base_url, token, settings.stream_tokens),
            *(settings.streams, settings.concurrency),
        )
    jobs = read_stamps(path, lambda place: not place.startswith(MADE))
    emitted = read_stamps(path, lambda place: place.startswith(MADE))
    mine = [[jobs[str(job_id)] for job_id in turn] for turn in answered.pop(OURS)]
    way: dict[str, list[list[float]]] = {OURS: [list(map(overhead_seconds, turn)) for turn in mine]}
    way |= {name: [list(map(float, turn)) for turn in turns] for name, turns in answered.items()}
    return way, stage_table(job for turn in mine for job in turn), delays_of(streams, emitted)


def _in_turn(
    asks: Mapping[str, Callable[[float], str | float]], settings: WayBenchSettings
) -> dict[str, list[list[str | float]]]:
    """What each answered, a list for each turn; the first round warms up and is left out.

    All are asked for the same jobs in each round.
    """
    answered: dict[str, list[list[str | float]]] = {name: [] for name in asks}
    with ThreadPoolExecutor(settings.concurrency) as clients:
        for turn in range(settings.rounds + 1):
            lengths = _lengths(settings, turn)
            for name, ask in asks.items():
                asked = [clients.submit(ask, seconds) for seconds in lengths]
                found = [future.result() for future in asked]
                if turn:
                    answered[name].append(found)
    return answered


def _lengths(settings: WayBenchSettings, turn: int) -> list[float]:
    """Seconds of work of each job."""
    chance, usual = Random(turn), settings.work_seconds
    return [usual * chance.uniform(SHORTEST, LONGEST) for _ in range(settings.jobs)]


def _all_ms(turns: list[list[float]]) -> list[float]:
    return [seconds * 1e3 for turn in turns for seconds in turn]


def _rows(way: Turns) -> list[Row]:
    """The limits on our overhead, and how it compares with each peer's turn by turn."""
    mine, peers = _all_ms(way[OURS]), [name for name in way if name != OURS]
    medians = {name: [median(turn) for turn in turns] for name, turns in way.items()}
    rows = [
        _limit("overhead of a job, p50", mine, 50, MOST_P50),
        _limit("overhead of a job, p99", mine, 99, MOST_P99),
    ]
    for name in peers:
        beside, most = ratio(medians[OURS], medians[name]), MOST_OF.get(name)
        rows.append(
            Row(
                f"overhead of a job, p50, beside {name}",
                f"{median(mine):.1f} ms",
                f"{name} {median(_all_ms(way[name])):.1f} ms",
                beside,
                f"<= {most:.2f}" if most else "",
                most is None or beside.median <= most,
            )
        )
    return rows


def _limit(what: str, found_ms: list[float], percentile: int, most_ms: float) -> Row:
    found = percentiles(found_ms)[f"p{percentile}"]
    return Row(what, f"{found:.1f} ms", "", None, f"<= {most_ms:g} ms", found <= most_ms)


if __name__ == "__main__":
    sys.exit(main())
