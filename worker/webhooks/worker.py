"""The webhook worker: builds its parts, then sends until it is told to stop."""

import gc
import os
import random
import socket
import uuid
from threading import Event, Thread

import structlog
from redis.exceptions import RedisError

from common import heap, keys
from common.broker import create_celery
from common.queues import WEBHOOK_QUEUE
from common.scripts import Argument, Scripts
from common.settings import AppEnv
from common.tracing import Tracing
from common.vault import vault_of
from worker.connection import connect
from worker.consumer import run_celery
from worker.deafness import DEAF_SECONDS, Deafness, bells_waiting
from worker.health import Heartbeat, health_server
from worker.host import host_id
from worker.metrics import process_page
from worker.pool import PoolHooks
from worker.settings import WorkerSettings
from worker.webhooks.deliver import Deliverer, Report
from worker.webhooks.egress import Egress
from worker.webhooks.keyring import Keyring
from worker.webhooks.ledger import MARGIN_SECONDS, DeliveryLedger
from worker.webhooks.metrics import WebhookMetrics
from worker.webhooks.task import refuse_revoke, register_deliver
from worker.webhooks.upkeep import DeliveryUpkeep

log = structlog.get_logger()

#: Its hash in Redis is forgotten so long after its last beat.
REMEMBERED_SECONDS = 3600


class WebhookWorker:
    """One process, no model, one Celery worker whose threads wait for receivers."""

    def __init__(self, settings: WorkerSettings, tracing: Tracing) -> None:
        self._settings = settings
        self._tracing = tracing
        self._worker_id = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._redis = connect(settings.redis_url)
        self._metrics = WebhookMetrics(settings.state_dir)
        self._scripts = Scripts(self._redis, self._metrics.process.calls.timed)
        self._upkeep = DeliveryUpkeep(self._scripts, settings.webhook_endpoint_concurrency)
        self._deliverer = self._create_deliverer()
        self._state = "ready"
        self._heartbeat = Heartbeat()
        self._deafness = Deafness(self._bells_that_wait, DEAF_SECONDS, "doorbells")
        self._server = health_server(settings, process_page(self._metrics.registry))
        self._stopping = Event()

    def run(self) -> int:
        """Send until SIGTERM, let what is being sent end; return the exit status."""
        if self._settings.app_env is AppEnv.PRODUCTION and self._settings.webhook_key is None:
            log.warning("WEBHOOK_KEY is not set: gateways must share this STATE_DIR")
        gc.freeze()  # what was imported stays: the collector need not look at it again
        heap.return_large_blocks()
        heap.trim()
        self._server.start(self._why_dead, self._why_unready)
        for duty in (self._beat, self._sweep):
            Thread(target=duty, name=duty.__name__, daemon=True).start()
        status = self._consume()
        self._leave()
        return status

    def _create_deliverer(self) -> Deliverer:
        settings, vault = self._settings, vault_of(self._settings)
        return Deliverer(
            DeliveryLedger(
                self._scripts,
                self._worker_id,
                timeout_seconds=settings.webhook_timeout_seconds,
                lane_limit=settings.webhook_endpoint_concurrency,
                patience_seconds=settings.webhook_disable_after_seconds,
            ),
            Keyring(self._redis, vault),
            vault.signing_key,
            Egress(
                timeout_seconds=settings.webhook_timeout_seconds,
                allow_networks=settings.allowed_networks,
                https_only=settings.app_env is AppEnv.PRODUCTION,
            ),
            self._metrics,
            settings.retry_schedule,
            settings.public_url,
            self._tracing,
        )

    def _why_dead(self) -> str:
        return self._heartbeat.why_dead() or self._deafness.why_dead()

    def _bells_that_wait(self) -> int:
        """Doorbells of deliveries, while this worker has room for one."""
        full = self._metrics.busy() >= self._settings.webhook_concurrency
        if full or self._state != "ready":
            return 0
        return bells_waiting(self._redis, WEBHOOK_QUEUE)

    def _heard(self, delivery_id: str) -> Report:
        self._deafness.hear()
        return self._deliverer.run(delivery_id)

    def _why_unready(self) -> str:
        unready = "" if self._state == "ready" else f"the worker is {self._state}"
        return unready or self._heartbeat.why_unready()

    def _consume(self) -> int:
        """Run Celery's worker in this process until it has drained."""
        app = create_celery(self._settings.redis_url, [WEBHOOK_QUEUE])
        register_deliver(app, self._heard)
        refuse_revoke()
        # What outlasts the drain is sent again: its lease is taken back from a dead process.
        hooks = PoolHooks(
            self._drain, lambda _: None, self._settings.webhook_timeout_seconds + MARGIN_SECONDS
        )
        name = f"webhooks@{self._worker_id}"
        slots = self._settings.webhook_concurrency
        return run_celery(app, name, hooks, slots, self._metrics.messages.dropped)

    def _drain(self) -> None:
        self._state = "draining"

    def _beat(self) -> None:
        while not self._stopping.is_set():
            self._heartbeat.turned()
            try:
                fields = [part for pair in self._about().items() for part in pair]
                self._scripts("beat", self._worker_id, 0, REMEMBERED_SECONDS, 0, *fields)
                self._heartbeat.reached()
            except RedisError as error:
                log.warning("beat failed", error=str(error))
            self._stopping.wait(self._settings.beat_seconds)

    def _about(self) -> dict[str, Argument]:
        """What /status shows. It offers no slots: those are of jobs."""
        return {
            "kind": "webhooks",
            "state": self._state,
            "pid": os.getpid(),
            "host": host_id(),
            "metrics_port": self._server.port,
            "slots": 0,
            "busy": self._metrics.busy(),
        }

    def _sweep(self) -> None:
        while not self._stopping.is_set():
            try:
                self._upkeep.sweep()
            except RedisError as error:
                log.warning("sweep failed", error=str(error))
            self._stopping.wait(self._settings.sweep_seconds * random.uniform(0.8, 1.2))

    def _leave(self) -> None:
        self._stopping.set()
        try:
            self._redis.zrem(keys.WORKERS, self._worker_id)
            self._redis.delete(keys.worker(self._worker_id))
        except RedisError as error:
            log.warning("left without a word", error=str(error))
