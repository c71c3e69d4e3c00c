"""``python -m benchmarks.depth``: what a submit costs the store, by how many jobs wait already.

Two servers, one with nothing waiting and one with much, are asked in turns; what is compared
is the CPU time of their main thread, so that what else the machine does falls on both alike.
"""

import json
import os
import platform
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings
from redis import Redis

from api.auth import Principal
from api.requests.generate import GenerateRequest
from api.settings import ApiSettings
from api.submission import Call, Origin, Submission, submit_arguments
from benchmarks.valkey import ValkeyServer
from common.job import JobKind, new_job_id
from common.prompt import Prompt
from common.queues import Priority
from common.scripts import Argument, Scripts

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks"
#: How much more a submit may cost.
ALLOWED_RATIO = 1.3
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
        self._settings = ApiSettings(
            max_queue_size=10**6, max_jobs_per_user=10**6, rate_limit_per_minute=10**6
        )
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
            prompt=Prompt(text=PROMPT),
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

    def submit(self) -> str:
        """One more; its id."""
        job_id = new_job_id()
        self.scripts(*self.submission(job_id))
        return job_id

    def look(self) -> None:
        """Submit a job, and read its place in the queue."""
        self.scripts("read", self.submit())

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


def compare(
    empty: Line, deep: Line, call: Callable[[Line], Callable[[], Any]], rounds: int, calls: int
) -> dict[str, float]:
    """Medians over the rounds: microseconds on each, and the ratio of the two in a round."""
    pairs = [
        (empty.cost_us(call(empty), calls), deep.cost_us(call(deep), calls)) for _ in range(rounds)
    ]
    return {
        "empty_us": round(median(pair[0] for pair in pairs), 1),
        "deep_us": round(median(pair[1] for pair in pairs), 1),
        "ratio": round(median(pair[1] / pair[0] for pair in pairs), 2),
    }


def main() -> int:
    """Measure, save and print; exit status 1 if it is not flat."""
    settings = DepthBenchSettings()
    rows, ratios = [], []
    with line(settings.users) as empty, line(settings.users) as deep:
        for depth in settings.depths:
            deep.fill(depth)
            for name, call in (("submit", lambda one: one.submit), ("place", lambda one: one.look)):
                row = compare(empty, deep, call, settings.rounds, settings.calls)
                rows.append({"depth": depth, "call": name, **row})
                ratios.append(row["ratio"])
                sys.stderr.write(f"{rows[-1]}\n")
    report = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": {"cores": os.cpu_count(), "system": platform.platform()},
        "settings": settings.model_dump(),
        "allowed_ratio": ALLOWED_RATIO,
        "rows": rows,
    }
    REPORT.mkdir(parents=True, exist_ok=True)
    (REPORT / "depth.json").write_text(json.dumps(report, indent=1) + "\n")
    return 0 if max(ratios) <= ALLOWED_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
