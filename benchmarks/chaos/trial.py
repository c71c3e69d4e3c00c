"""One run: a service, a crowd that submits, a watcher that listens, and what is killed."""

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Self

from benchmarks.chaos.crowd import Acceptance, Crowd, Order
from benchmarks.chaos.evidence import Evidence, Kill, judge
from benchmarks.chaos.result import Result
from benchmarks.chaos.service import Service, connect
from benchmarks.chaos.watcher import Watcher
from benchmarks.valkey import ValkeyServer
from benchmarks.waiting import wait_until
from common import keys
from common.job import Job


class Trial:
    """Use as a context manager; settings are the service's environment variables.

    ``undone_since``, ``poison``, ``notes`` and ``broken`` are for the scenario to set.
    """

    def __init__(
        self, name: str, directory: Path, seed: int, *valkey_options: str, **settings: str
    ) -> None:
        directory.mkdir(parents=True)
        self.name = name
        self.valkey = ValkeyServer(directory, *valkey_options)
        self.valkey.start()
        self.service = Service(directory, self.valkey, **settings)
        self.watcher = Watcher(connect(self.valkey.url))
        self.kills: list[Kill] = []
        self.notes: list[str] = []
        self.broken: list[str] = []
        self.poison = ""
        self.undone_since = math.inf
        self._seed = seed
        self.crowds: list[Crowd] = []
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.watcher.stop()
        self.service.stop()

    def start(self, workers: int) -> None:
        """Start the processes; the clock of the trial starts after that."""
        self.watcher.start()
        self.service.start(workers)
        self._began = time.monotonic()

    def submit(
        self, wanted: Iterable[Order], *, clients: int = 3, per_second: float = 0.0
    ) -> Crowd:
        """Let clients submit these jobs, beside what else happens."""
        token = self.service.token()
        crowd = Crowd(self.service.base_url, token, iter(wanted), clients, per_second)
        self.crowds.append(crowd)
        crowd.start()
        return crowd

    def orders(self, count: int, tokens: Callable[[int], int], part: str = "") -> Iterator[Order]:
        """``count`` different orders; ``tokens(n)`` is the length of the n-th answer."""
        name = f"{self.name}{part}"
        for n in range(count):
            prompt = f"Order {n} of {name}, seed {self._seed}: the quick brown fox jumps. "
            yield Order(f"{name}-{self._seed}-{n}", prompt, tokens(n))

    @property
    def acceptances(self) -> list[Acceptance]:
        return [acceptance for crowd in self.crowds for acceptance in crowd.acceptances]

    def busy(self) -> bool:
        """Whether something is still to be accepted or to end."""
        return any(crowd.busy() for crowd in self.crowds) or self._unfinished() > 0

    def held_by(self, pid: int) -> list[str]:
        """The jobs that a worker's process has claimed."""
        ids = [str(job_id) for job_id in self.service.redis.zrange(keys.LEASES, 0, -1)]
        pipe = self.service.redis.pipeline(transaction=False)
        for job_id in ids:
            pipe.hget(keys.job(job_id), "worker")
        workers = pipe.execute()
        return [
            job_id for job_id, name in zip(ids, workers, strict=True) if f"-{pid}-" in str(name)
        ]

    def kill_worker(self, name: str, *, seen: bool = True) -> Kill:
        """SIGKILL a worker, and note what it held."""
        pid = self.service.workers[name].pid
        self.service.kill_worker(name, seen=seen)
        kill = Kill(time.monotonic(), self.held_by(pid))
        self.kills.append(kill)
        return kill

    def wait_for_tokens(self, job_id: str, tokens: int) -> None:
        """Wait until a job has made so many tokens."""
        redis, key = self.service.redis, keys.job(job_id)
        wait_until(lambda: int(redis.hget(key, "tokens") or 0) >= tokens, 60, f"tokens of {job_id}")

    def wait_for_the_end(self, timeout_seconds: float) -> None:
        """Wait until all that was accepted has ended; a job that has not is lost."""
        deadline = time.monotonic() + timeout_seconds
        while self.busy() and time.monotonic() < deadline:
            time.sleep(0.2)
        for crowd in self.crowds:
            crowd.join(0)

    def result(self) -> Result:
        """Read every record and judge."""
        seconds = time.monotonic() - self._began
        self._hear_the_last()
        acceptances = self.acceptances
        jobs = {a.job_id: self.read(a.job_id) for a in acceptances}
        ended = {job_id for job_id, job in jobs.items() if job and job.status.terminal}
        unheard = len(ended - set(self.watcher.ends))
        notes = [f"{unheard} ends were not heard: the store was away"] if unheard else []
        evidence = Evidence(
            acceptances,
            jobs,
            records=len(list(self.service.redis.scan_iter("job:*", count=1000))),
            settled=sum(int(count) for count in self.service.redis.hvals(keys.TOTALS)),
            queued=self.watcher.queued,
            claims=self.watcher.claims,
            ends=self.watcher.ends,
            chunks=self.watcher.chunks,
            kills=self.kills,
            refusal_seconds=[s for crowd in self.crowds for s in crowd.refusal_seconds],
            seconds=seconds,
            poison=self.poison,
            undone_since=self.undone_since,
            notes=(*self.notes, *notes),
            broken=(*self.broken, *(s for crowd in self.crowds for s in crowd.surprises)),
        )
        return judge(self.name, evidence)

    def _unfinished(self) -> int:
        return int(self.service.redis.zcard(keys.DEADLINES))

    def read(self, job_id: str) -> Job | None:
        """A job's record, if there is one."""
        raw = self.service.redis.hgetall(keys.job(job_id))
        record = {str(name): str(value) for name, value in raw.items()}
        return Job.from_hash(record) if record else None

    def _hear_the_last(self) -> None:
        """What was published before this has arrived when a job of nobody's is heard."""
        marker = json.dumps({"id": "the last", "status": "queued", "revision": 0})

        def heard() -> bool:
            self.service.redis.publish(keys.EVENTS_CHANNEL, marker)
            return "the last" in self.watcher.queued

        wait_until(heard, 30, "the last event")
