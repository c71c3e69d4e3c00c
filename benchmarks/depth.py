"""``python -m benchmarks.depth``: what a submit costs the store, by how many jobs wait already.

Two servers, one with nothing waiting and one with much, are asked in turns; what is compared
is the CPU time of their main thread, so that what else the machine does falls on both alike.
"""

import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings
from redis import Redis

from api.auth import Principal
from api.requests.generate import GenerateRequest
from api.settings import ApiSettings
from api.submission import Call, Origin, Submission, submit_arguments, work_of
from benchmarks.pairs import Ratio, ratio
from benchmarks.rows import Row, save
from benchmarks.valkey import ValkeyServer
from common.job import JobKind, new_job_id
from common.prompt import Prompt
from common.queues import Priority
from common.scripts import Argument, Scripts

#: How much more a submit may cost.
ALLOWED_RATIO = 1.3
#: Bytes of a waiting job beyond its prompt.
MOST_BYTES = 2048
#: Jobs written in one round trip while a server is filled.
AT_ONCE = 500
PROMPT = ("What does an implied volatility rank of 65 say about the options of AAPL? " * 3)[:200]


class DepthBenchSettings(BaseSettings):
    """Read from the environment, as DEPTH_BENCH_DEPTHS (JSON) and so on."""

    model_config = {"env_prefix": "DEPTH_BENCH_"}

    depths: list[int] = Field([1000, 10_000, 100_000], description="waiting jobs")
    users: int = Field(100, ge=1, description="whose jobs they are")
    rounds: int = Field(21, ge=1, description="of both servers in turns")
    calls: int = Field(100, ge=1, description="in a round")


class Line:
    """A server with three busy slots, and what submits to it."""

    def __init__(
        self, redis: Redis, users: int, *, keys: bool = False, calls: bool = False
    ) -> None:
        self.redis = redis
        self.scripts = Scripts(redis)
        self._users = users
        self._keys = keys  # whether each job has an Idempotency-Key
        self._calls = calls  # whether a client waits for each, and could come for it again
        # More than the settings allow: each class may use a part of it only.
        self._settings = ApiSettings(
            max_jobs_per_user=10**6, rate_limit_per_minute=10**6
        ).model_copy(update={"max_queue_size": 10**7})
        self._count = 0
        self.scripts("beat", "w", 15_000, 86_400, 0, "state", "ready", "slots", 3)
        for _ in range(3):
            job_id = new_job_id()
            self.scripts(*self.submission(job_id))
            self.scripts("claim", job_id, job_id, "w", 86_400_000, 1, "")

    def submission(self, job_id: str) -> tuple[str, *tuple[Argument, ...]]:
        """The call that submits a job of the next user."""
        self._count += 1
        request = GenerateRequest(prompt=PROMPT)
        submission = Submission(
            principal=Principal(f"user{self._count % self._users}", 0),
            kind=JobKind.GENERATE,
            request=request,
            work=work_of(request, Prompt(text=PROMPT)),
            prompt_tokens=50,
            origin=Origin(
                f"req_{uuid.uuid4().hex}", idempotency_key=job_id if self._keys else None
            ),
            call=Call(f"gateway/{job_id}", 0, answerable=True) if self._calls else None,
        )
        return ("submit", *submit_arguments(submission, job_id, self._settings))

    def fill(self, depth: int) -> None:
        """Let so many jobs wait."""
        while (left := depth - self.redis.zcard(Priority.NORMAL.waiting)) > 0:
            calls = [self.submission(new_job_id()) for _ in range(min(left, AT_ONCE))]
            self.scripts.pipeline([(name, args) for name, *args in calls])  # type: ignore[misc]
            if self.redis.zcard(Priority.NORMAL.waiting) == depth - left:
                raise RuntimeError(f"no job is taken in beyond {depth - left}")

    def submit(self) -> str:
        """One more; its id."""
        job_id = new_job_id()
        self.scripts(*self.submission(job_id))
        return job_id

    def look(self) -> None:
        """Submit a job, and read its place in the queue."""
        self.scripts("read", self.submit())

    def memory(self) -> int:
        """Bytes that the server's data takes."""
        return int(self.redis.info("memory")["used_memory"])

    def cpu_us(self) -> float:
        """What the server's main thread has used so far."""
        cpu = self.redis.info("cpu")
        used = cpu["used_cpu_user_main_thread"] + cpu["used_cpu_sys_main_thread"]
        return float(1e6 * used)

    def cost_us(self, call: Callable[[], Any], calls: int) -> float:
        """CPU time of a call."""
        before = self.cpu_us()
        for _ in range(calls):
            call()
        return (self.cpu_us() - before) / calls


@contextmanager
def line(users: int) -> Iterator[Line]:
    """A line on a server of its own."""
    directory = Path(tempfile.mkdtemp(prefix="depth-bench-"))
    valkey = ValkeyServer(directory)
    valkey.start()
    try:
        with Redis.from_url(valkey.url, decode_responses=True) as redis:
            yield Line(redis, users)
    finally:
        valkey.kill()
        shutil.rmtree(directory, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Compared:
    """What a call costs on either server: medians in microseconds, and the ratio in turns."""

    empty_us: float
    deep_us: float
    ratio: Ratio

    @property
    def flat(self) -> bool:
        """Whether depth does not matter."""
        return self.ratio.median <= ALLOWED_RATIO


def compare(
    empty: Line, deep: Line, call: Callable[[Line], Callable[[], Any]], rounds: int, calls: int
) -> Compared:
    """So many calls on each server, in turns."""
    pairs = [
        (empty.cost_us(call(empty), calls), deep.cost_us(call(deep), calls)) for _ in range(rounds)
    ]
    few, many = zip(*pairs, strict=True)
    return Compared(median(few), median(many), ratio(many, few))


#: What is asked of both servers.
CALLS: dict[str, Callable[[Line], Callable[[], Any]]] = {
    "submit": lambda line: line.submit,
    "submit, and reading its place": lambda line: line.look,
}


def main() -> int:
    """Measure, save and print; exit status 1 if it is not flat."""
    settings = DepthBenchSettings()
    with line(settings.users) as empty, line(settings.users) as deep:
        rows = [row for depth in settings.depths for row in _rows(empty, deep, depth, settings)]
    return save("depth", settings, rows)


def _rows(empty: Line, deep: Line, depth: int, settings: DepthBenchSettings) -> Iterator[Row]:
    before, waited = deep.memory(), deep.redis.zcard(Priority.NORMAL.waiting)
    deep.fill(depth)
    beyond = (deep.memory() - before) / (depth - waited) - len(PROMPT)
    for what, call in CALLS.items():
        found = compare(empty, deep, call, settings.rounds, settings.calls)
        yield Row(
            f"{what}, CPU of the store with {depth:,} jobs waiting",
            *(f"{found.deep_us:.0f} us", f"{found.empty_us:.0f} us with none", found.ratio),
            *(f"<= {ALLOWED_RATIO}", found.flat),
        )
    yield memory_row(f"memory of a waiting job beyond its prompt, {depth:,} of them", beyond)


def memory_row(what: str, beyond: float) -> Row:
    """``beyond`` is in bytes."""
    met = beyond <= MOST_BYTES
    return Row(what, f"{beyond:.0f} bytes", "", None, f"<= {MOST_BYTES} bytes", met)


if __name__ == "__main__":
    sys.exit(main())
