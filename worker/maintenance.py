"""The periodic duties: rescue, ring, expire. Safe to run anywhere, any number of times."""

import random
import signal
from dataclasses import dataclass
from threading import Event

import structlog
from redis import Redis
from redis.exceptions import RedisError

from common import heap, keys
from common.queues import Priority
from common.scripts import Scripts
from worker.connection import connect
from worker.health import Heartbeat, health_server
from worker.host import host_id, is_alive
from worker.instruments.sweeps import SweepInstruments
from worker.metrics import MaintenanceMetrics, service_page
from worker.settings import WorkerSettings
from worker.webhooks.upkeep import DeliveryUpkeep

log = structlog.get_logger()

#: A running job may end by itself for so long after its time is up.
GRACE_MS = 5000
#: Jobs handled by one script call.
BATCH = 100


@dataclass(frozen=True, slots=True)
class SweepRules:
    """How long a lease lasts, after which gap none is trusted, and what may be done."""

    lease_ms: int
    gap_ms: int
    max_kills: int
    preemption: bool


class Sweeper:
    """One pass over everything that somebody may have left lying."""

    def __init__(
        self,
        redis: Redis,
        scripts: Scripts,
        rules: SweepRules,
        deliveries: DeliveryUpkeep,
        metrics: SweepInstruments,
    ) -> None:
        self._redis = redis
        self._host = host_id()
        self._scripts = scripts
        self._rules = rules
        self._deliveries = deliveries
        self.metrics = metrics

    def sweep(self) -> None:
        """Rescue, expire and ring. Raises redis.RedisError."""
        self.rescue()
        for worker_id in self._dead_workers():
            log.warning("a worker of this host is gone", worker_id=worker_id)
            self.rescue(worker_id)
            self._deliveries.rescue(worker_id)
            self._forget(worker_id)
        ended = self._scripts("expire", GRACE_MS, BATCH)
        if ended:
            log.info("expired", job_ids=ended)
        abandoned = self._scripts("abandon", keys.RETRY_SECONDS * 1000, BATCH)
        if abandoned:
            log.info("abandoned by their clients", job_ids=abandoned)
        self._deliveries.sweep()
        if self._rules.preemption:
            self._scripts("preempt")
        for priority in Priority:
            for _ in self._scripts("orphans", priority.value, BATCH):
                self.metrics.rang(priority)
        self.metrics.swept()

    def rescue(self, worker_id: str = "", *, ring: bool = True) -> None:
        """Take the jobs of dead workers back, or of one that is known to be dead.

        Without ``ring`` the bells are left to the next sweep. Raises redis.RedisError.
        """
        batch = 10 * BATCH if worker_id else BATCH
        answers = self._scripts(
            *("rescue", self._rules.lease_ms, self._rules.gap_ms, self._rules.max_kills),
            *(batch, worker_id, int(ring)),
        )
        for outcome, job_id, priority in reversed(answers):
            log.warning("rescued", job_id=job_id, outcome=outcome)
            self.metrics.rescued(outcome)
            if ring and outcome == "requeued":
                self.metrics.rang(Priority(priority))

    def _dead_workers(self) -> list[str]:
        """Workers whose process ran on this host and has ended without a word."""
        names = [str(name) for name in self._redis.zrange(keys.WORKERS, 0, -1)]
        pipe = self._redis.pipeline(transaction=False)
        for name in names:
            pipe.hmget(keys.worker(name), "host", "pid")
        return [
            name
            for name, (host, pid) in zip(names, pipe.execute(), strict=True)
            if host is None or (host == self._host and not is_alive(int(pid)))
        ]

    def _forget(self, worker_id: str) -> None:
        self._redis.zrem(keys.WORKERS, worker_id)
        self._redis.delete(keys.worker(worker_id))


def build_sweeper(
    settings: WorkerSettings, redis: Redis, scripts: Scripts, metrics: SweepInstruments
) -> Sweeper:
    """The duties as the settings want them."""
    return Sweeper(
        redis,
        scripts,
        SweepRules(
            lease_ms=int(settings.lease_seconds * 1000),
            gap_ms=int(settings.sweep_gap_seconds * 1000),
            max_kills=settings.max_kills,
            preemption=settings.preemption,
        ),
        DeliveryUpkeep(scripts, settings.webhook_endpoint_concurrency),
        metrics,
    )


def run_maintenance(settings: WorkerSettings) -> None:
    """Sweep until SIGTERM or SIGINT."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    redis = connect(settings.redis_url)
    metrics, heartbeat = MaintenanceMetrics(settings.state_dir), Heartbeat()
    scripts = Scripts(redis, metrics.process.calls.timed)
    sweeper = build_sweeper(settings, redis, scripts, metrics.sweeps)
    page = service_page(metrics.registry, settings.redis_url)
    health_server(settings, page).start(heartbeat.why_dead, heartbeat.why_unready)
    heap.return_large_blocks()
    heap.trim()
    sweep_forever(sweeper, settings.sweep_seconds, stop, heartbeat)


def sweep_forever(
    sweeper: Sweeper, interval_seconds: float, stop: Event, heartbeat: Heartbeat
) -> None:
    """Sweep until ``stop``, outages of Redis included; the pauses vary by a fifth."""
    while not stop.is_set():
        heartbeat.turned()
        try:
            sweeper.sweep()
            heartbeat.reached()
        except RedisError as error:
            log.warning("sweep failed", error=str(error))
            sweeper.metrics.failed()
        stop.wait(interval_seconds * random.uniform(0.8, 1.2))
