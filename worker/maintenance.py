"""The periodic duties: rescue, ring, expire. Safe to run anywhere, any number of times."""

import random
import signal
from threading import Event

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector
from redis import Redis
from redis.exceptions import RedisError

from common import keys
from common.broker import Doorbells, create_celery
from common.queues import Priority
from common.scripts import Scripts
from worker.connection import connect
from worker.health import Heartbeat, health_server
from worker.host import host_id, is_alive
from worker.settings import WorkerSettings
from worker.webhooks.upkeep import DeliveryUpkeep

log = structlog.get_logger()

#: A running job may end by itself for so long after its time is up.
GRACE_MS = 5000
#: A job is not rung for more often than this.
RING_INTERVAL_MS = 5000
#: Jobs handled by one script call.
BATCH = 100


class Sweeper:
    """One pass over everything that somebody may have left lying."""

    def __init__(
        self,
        redis: Redis,
        scripts: Scripts,
        doorbells: Doorbells,
        *,
        lease_ms: int,
        gap_ms: int,
        max_kills: int,
        preemption: bool,
        deliveries: DeliveryUpkeep,
    ) -> None:
        self._redis = redis
        self._host = host_id()
        self._scripts = scripts
        self._doorbells = doorbells
        self._lease_ms = lease_ms
        self._gap_ms = gap_ms
        self._max_kills = max_kills
        self._preemption = preemption
        self._deliveries = deliveries

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
        if self._preemption:
            self._scripts("preempt")
        for priority in Priority:
            for job_id in self._scripts("orphans", priority.value, RING_INTERVAL_MS, BATCH)[::-1]:
                self._ring(job_id, priority)

    def rescue(self, worker_id: str = "", *, ring: bool = True) -> None:
        """Take the jobs of dead workers back, or of one that is known to be dead.

        Without ``ring`` the bells are left to the next sweep. Raises redis.RedisError.
        """
        batch = 10 * BATCH if worker_id else BATCH
        answers = self._scripts(
            "rescue", self._lease_ms, self._gap_ms, self._max_kills, batch, worker_id
        )
        for outcome, job_id, priority in reversed(answers):
            log.warning("rescued", job_id=job_id, outcome=outcome)
            if ring and outcome == "requeued":
                self._ring(job_id, Priority(priority), interval_ms=0)

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

    def _ring(self, job_id: str, priority: Priority, interval_ms: int = RING_INTERVAL_MS) -> None:
        self._scripts("ring", job_id, self._doorbells.render(job_id, priority), interval_ms)


def build_sweeper(
    settings: WorkerSettings, redis: Redis, scripts: Scripts, doorbells: Doorbells
) -> Sweeper:
    """The duties as the settings want them."""
    return Sweeper(
        redis,
        scripts,
        doorbells,
        lease_ms=int(settings.lease_seconds * 1000),
        gap_ms=int(settings.sweep_gap_seconds * 1000),
        max_kills=settings.max_kills,
        preemption=settings.preemption,
        deliveries=DeliveryUpkeep(scripts, settings.webhook_endpoint_concurrency),
    )


def run_maintenance(settings: WorkerSettings) -> None:
    """Sweep until SIGTERM or SIGINT."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    redis = connect(settings.redis_url)
    doorbells = Doorbells(create_celery(settings.redis_url))
    sweeper, heartbeat = build_sweeper(settings, redis, Scripts(redis), doorbells), Heartbeat()
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    health_server(settings, registry).start(heartbeat.why_dead, heartbeat.why_unready)
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
        stop.wait(interval_seconds * random.uniform(0.8, 1.2))
