"""What the workers say of themselves, and what stands in the queues."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from api.admission import Pace
from common import keys
from common.queues import Priority

#: Milliseconds after its last beat for which a worker counts as alive.
ALIVE_MS = 15_000


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker, from its last beat."""

    id: str
    kind: str
    state: str
    error: str
    breaker: str  #: closed, half_open or open
    last_command: str  #: id of the last command that it obeyed
    slots: int
    busy: int
    metrics_port: int | None
    tokens_per_second: float
    tokens_generated: int
    gpu_memory: Sequence[tuple[str, str, int]]  #: GPU, kind, bytes
    info: Mapping[str, Any]

    @property
    def ready(self) -> bool:
        """Whether it takes jobs."""
        return self.state == "ready" and self.runs_jobs

    @property
    def runs_jobs(self) -> bool:
        """Whether it is there for jobs; the others send webhooks."""
        return self.kind != "webhooks"

    @classmethod
    def from_hash(cls, worker_id: str, raw: Mapping[str, str]) -> "Worker":
        """Build a worker from its Redis hash."""
        return cls(
            id=worker_id,
            kind=raw.get("kind", ""),
            state=raw.get("state", ""),
            error=raw.get("error", ""),
            breaker=raw.get("breaker", ""),
            last_command=raw.get("command", ""),
            slots=int(raw.get("slots") or 0),
            busy=int(raw.get("busy") or 0),
            metrics_port=int(raw["metrics_port"]) if raw.get("metrics_port") else None,
            tokens_per_second=float(raw.get("tokens_per_second") or 0),
            tokens_generated=int(raw.get("tokens_generated") or 0),
            gpu_memory=json.loads(raw.get("gpu_memory") or "[]"),
            info=json.loads(raw.get("info") or "{}"),
        )


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The service at one moment; ``totals`` counts ended jobs by kind, priority, status."""

    workers: tuple[Worker, ...]
    waiting: Mapping[Priority, int]
    running: int
    pace: Pace
    totals: Mapping[tuple[str, str, str], int]
    backlog: int = 0  #: lines of batches that are not in the queue yet

    @property
    def inference(self) -> list[Worker]:
        """The workers that are there for jobs."""
        return [worker for worker in self.workers if worker.runs_jobs]

    @property
    def ready(self) -> list[Worker]:
        """The workers that take jobs, newest model first."""
        ready = [worker for worker in self.workers if worker.ready]
        return sorted(ready, key=lambda worker: str(worker.info.get("loaded_at")), reverse=True)

    @property
    def trouble(self) -> str:
        """Why no worker is ready, in one sentence."""
        if not self.inference:
            return "No worker is running."
        errors = [worker.error for worker in self.inference if worker.error]
        return errors[0] if errors else f"The worker is {self.inference[0].state}."


class Cluster:
    """Reads the state of the service."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def state(self) -> ClusterState:
        """All of it, in two round trips. Raises redis.RedisError."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        pipe.zrange(keys.WORKERS, 0, -1, withscores=True)
        pipe.zcard(keys.LEASES)
        pipe.hget(keys.PACE, "mean_ms")
        pipe.hgetall(keys.TOTALS)
        pipe.zcard(keys.BATCH_BACKLOG)
        for priority in Priority:
            pipe.zcard(priority.waiting)
        (seconds, _), beats, running, mean_ms, totals, backlog, *waiting = await pipe.execute()
        alive = [worker for worker, beat in beats if beat > seconds * 1000 - ALIVE_MS]
        workers = await self._workers(alive)
        return ClusterState(
            workers=workers,
            waiting=dict(zip(Priority, waiting, strict=True)),
            running=running,
            pace=Pace(int(mean_ms or 0), sum(w.slots for w in workers if w.ready)),
            totals={_labels(name): int(count) for name, count in totals.items()},
            backlog=backlog,
        )

    async def _workers(self, ids: list[str]) -> tuple[Worker, ...]:
        pipe = self._redis.pipeline(transaction=False)
        for worker_id in ids:
            pipe.hgetall(keys.worker(worker_id))
        hashes = await pipe.execute() if ids else []
        return tuple(
            Worker.from_hash(worker_id, raw)
            for worker_id, raw in zip(ids, hashes, strict=True)
            if raw
        )


def _labels(name: str) -> tuple[str, str, str]:
    kind, priority, status = name.split("|")
    return kind, priority, status
