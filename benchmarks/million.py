"""``python -m benchmarks.million``: 1,000,000 waiting jobs in one store, and what is done among them.

About five minutes and 2 GB. Costs are CPU time of the store's main thread, beside a store in
which next to nothing waits; times are what a client waits for the answer. They are told, and no goal
is set: that stands up to 100,000 jobs (benchmarks/depth.py), beyond them caches of the processor miss.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pydantic import Field
from pydantic_settings import BaseSettings
from redis import Redis

from benchmarks.depth import ALLOWED_RATIO, PROMPT, Line, memory_row
from benchmarks.pairs import Ratio, ratio
from benchmarks.rows import Row, save
from benchmarks.valkey import ValkeyServer
from common import keys
from common.job import JobKind, new_job_id
from common.queues import Priority

#: Of a sweep: common/lua/*.lua look at so many jobs in one call.
BATCH = 100
SLICES = 10


class MillionBenchSettings(BaseSettings):
    """Read from the environment, as MILLION_BENCH_JOBS and so on."""

    model_config = {"env_prefix": "MILLION_BENCH_"}

    jobs: int = Field(1_000_000, ge=1000, description="that wait")
    beside: int = Field(5000, ge=1000, description="that wait in the other store")
    users: int = Field(100, ge=1, description="whose jobs they are")
    rounds: int = Field(15, ge=1, description="of both stores in turns")
    calls: int = Field(20, ge=1, description="in a round")


@dataclass(frozen=True, slots=True)
class Filled:
    """What filling took; costs are microseconds of the store a job, one for each slice."""

    seconds: float
    costs_us: Sequence[float]
    bytes_a_job: float
    file_bytes: int


@dataclass(frozen=True, slots=True)
class Restart:
    """Seconds from the start of a stopped store to its first answer; what waited then."""

    seconds: float
    waiting: int


def main() -> int:
    """Measure, save and print; exit status 1 where a goal is missed."""
    settings = MillionBenchSettings()
    with tempfile.TemporaryDirectory(prefix="million-bench-") as name:
        deep, shallow = (_server(Path(name) / which) for which in ("deep", "shallow"))
        try:
            with closing(_client(deep)) as one, closing(_client(shallow)) as other:
                many, few = Line(one, settings.users), Line(other, settings.users)
                few.fill(settings.beside)
                filled = _fill(many, settings.jobs, deep.directory)
                rows = [*_filled_rows(filled, settings.jobs), *_call_rows(many, few, settings)]
            rows += _restart_rows(_restart(deep), settings.jobs)
        finally:
            deep.kill()
            shallow.kill()
    return save("depth-million", settings, rows)


def _server(directory: Path) -> ValkeyServer:
    directory.mkdir()
    server = ValkeyServer(directory)
    server.start()
    return server


def _client(server: ValkeyServer) -> "Redis":
    return Redis.from_url(server.url, decode_responses=True)


def _fill(line: Line, jobs: int, directory: Path) -> Filled:
    """In slices, so that the last can be held against the first."""
    held, began, costs = line.memory(), time.monotonic(), []
    for number in range(1, SLICES + 1):
        before = line.cpu_us()
        line.fill(jobs * number // SLICES)
        costs.append((line.cpu_us() - before) / (jobs / SLICES))
    seconds = time.monotonic() - began
    size = sum(path.stat().st_size for path in directory.rglob("*.aof*") if path.is_file())
    return Filled(seconds, costs, (line.memory() - held) / jobs, size)


def _filled_rows(filled: Filled, jobs: int) -> list[Row]:
    first, last = filled.costs_us[0], filled.costs_us[-1]
    beyond = filled.bytes_a_job - len(PROMPT)
    return [
        Row(
            f"submit, the last tenth of {jobs:,} beside the first, CPU of the store",
            *(
                f"{last:.0f} us",
                f"{first:.0f} us",
                Ratio(last / first, last / first, last / first, 1),
            ),
            *(f"<= {ALLOWED_RATIO}", last / first <= ALLOWED_RATIO),
        ),
        _plain(
            f"submitting {jobs:,} jobs by one client, {jobs / filled.seconds:,.0f} a second",
            f"{filled.seconds:.0f} s",
        ),
        memory_row("memory of a waiting job beyond its prompt", beyond),
        _plain("the file of all of them", f"{filled.file_bytes / 1e6:.0f} MB"),
    ]


def _call_rows(many: Line, few: Line, settings: MillionBenchSettings) -> list[Row]:
    return [
        _compared(what, call, many, few, settings.rounds, 5 if what in SWEEPS else settings.calls)
        for what, call in CALLS.items()
    ]


def _claim(line: Line) -> None:
    """The next job, as the answer to its doorbell."""
    (job_id,) = line.redis.zrange(Priority.NORMAL.waiting, 0, 0)
    line.scripts("claim", str(job_id), new_job_id(), "w", 86_400_000, 1, "")


#: Of a user's waiting jobs.
LIST = keys.user_jobs_of("user1", "active", Priority.NORMAL, JobKind.GENERATE)
CALLS: dict[str, Callable[[Line], object]] = {
    "submit": lambda line: line.submit(),
    "submit, and reading its place": lambda line: line.look(),
    "claim of the next job": _claim,
    "a page of 20 of a user's jobs": lambda line: line.scripts("list", "user1", 20, "", "", LIST),
    "sweep: leases": lambda line: line.scripts("rescue", 15_000, 10**12, 3, BATCH, "", 1),
    "sweep: deadlines": lambda line: line.scripts("expire", 5000, BATCH),
    "sweep: clients that left": lambda line: line.scripts("abandon", 60_000, BATCH),
    "sweep: lost doorbells": lambda line: line.scripts("orphans", "normal", BATCH),
    "counting everything for a scrape": lambda line: line.scripts("census"),
}
SWEEPS = tuple(name for name in CALLS if name.startswith(("sweep", "counting")))


def _compared(
    what: str, call: Callable[[Line], object], many: Line, few: Line, rounds: int, calls: int
) -> Row:
    """What a call costs among many and among few, in turns; and how long the many take."""
    costs: list[tuple[float, float]] = []
    waits: list[float] = []

    def timed() -> None:
        began = time.perf_counter()
        call(many)
        waits.append(time.perf_counter() - began)

    for _ in range(rounds):
        beside = few.cost_us(lambda: call(few), calls)
        costs.append((many.cost_us(timed, calls), beside))
    ours, theirs = zip(*costs, strict=True)
    spread = ratio(ours, [max(1.0, cost) for cost in theirs])
    return Row(
        f"{what}, CPU of the store with a million waiting, beside few",
        f"{median(ours):.0f} us, answered in {1e3 * median(waits):.2f} ms",
        *(f"{median(theirs):.0f} us", spread, "", True),
    )


def _restart(server: ValkeyServer) -> Restart:
    """Stop it as an operator does, and start it on its file."""
    server.stop()
    began = time.monotonic()
    server.start()
    seconds = time.monotonic() - began
    with closing(_client(server)) as redis:
        return Restart(seconds, int(redis.zcard(Priority.NORMAL.waiting)))


def _restart_rows(restart: Restart, jobs: int) -> list[Row]:
    return [
        Row(
            "restart of the store from its file",
            f"{restart.seconds:.1f} s; {restart.waiting:,} jobs wait again",
            *("", None, "none lost", restart.waiting >= jobs * 0.99),
        )
    ]


def _plain(what: str, ours: str) -> Row:
    return Row(what, ours, "", None, "", True)


if __name__ == "__main__":
    sys.exit(main())
