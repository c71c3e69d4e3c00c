"""The inference worker: builds its parts, then takes jobs until it is told to stop."""

import sys
import uuid
from functools import partial
from threading import Event, Thread

import structlog
from redis.exceptions import RedisError

from common import keys
from common.broker import create_celery
from common.scripts import Scripts
from common.tracing import Tracing
from worker.about import About, WorkerState
from worker.attempt import Attempts, Outcome
from worker.breaker import Breaker
from worker.caretaker import Caretaker
from worker.connection import connect
from worker.consumer import run_celery
from worker.deafness import DEAF_SECONDS, Deafness, long_waiting
from worker.health import Heartbeat, health_server
from worker.intake import Intake
from worker.keeper import Keeper
from worker.ledger import Ledger
from worker.listener import listen_forever
from worker.maintenance import build_sweeper, sweep_forever
from worker.metrics import WorkerMetrics, service_page
from worker.mount import Mount
from worker.pool import PoolHooks
from worker.reloads import Reloads
from worker.settings import WorkerSettings
from worker.spans import AttemptSpans
from worker.tasks import register_revoke, register_task
from worker.traced import traced
from worker.writer import Writer

log = structlog.get_logger()

#: How long a thread may keep the interpreter from the others. The engine's comes back from the
#: model many times a second, and Python's 5 ms would be a quarter of a step.
SWITCH_SECONDS = 0.0005


class InferenceWorker:
    """One process, one model, one Celery worker whose threads wait for slots."""

    def __init__(self, settings: WorkerSettings, tracing: Tracing) -> None:
        self._settings = settings
        self._tracing = tracing
        self._redis = connect(settings.redis_url)
        self._metrics = WorkerMetrics(settings.state_dir)
        self._scripts = Scripts(self._redis, self._metrics.process.calls.timed)
        self._celery = create_celery(settings.redis_url)
        self._sweeper = build_sweeper(settings, self._redis, self._scripts, self._metrics.sweeps)
        self._mount = Mount()
        self._intake = Intake()
        self._breaker = Breaker(settings.breaker_errors, self._mount.responds, self._broken)
        self._metrics.engine.watch(
            self._mount.busy_slots,
            lambda: self._breaker.circuit.state.level,
            lambda: self._about.state is WorkerState.READY,
            self._mount.last_step,
        )
        page = service_page(self._metrics.registry, settings.redis_url)
        self._server = health_server(settings, page)
        self._about = About(settings, self._metrics, self._server.port, self._mount, self._breaker)
        self._keeper = Keeper(
            self._scripts,
            self._about.worker_id,
            self._about.fields,
            on_stall=self._leave_hung_jobs,
            lease_seconds=settings.lease_seconds,
            beat_seconds=settings.beat_seconds,
            stall_seconds=settings.stall_seconds,
        )
        self._keeper.last_step = self._mount.last_step
        self._writer = Writer(self._scripts, self._keeper.held)
        self._attempts = self._create_attempts()
        self._caretaker = self._create_caretaker()
        self._deafness = Deafness(self._jobs_that_wait, DEAF_SECONDS)
        self._stopping = Event()

    def run(self) -> int:
        """Load the model, take jobs until SIGTERM, drain; return the exit status."""
        sys.setswitchinterval(SWITCH_SECONDS)
        self._server.start(self._why_dead, self._why_unready)
        self._keeper.start(self._redis)
        self._writer.start()
        Thread(target=self._listen, name="commands", daemon=True).start()
        self._caretaker.load()
        self._caretaker.start()
        Thread(target=self._sweep, name="sweep", daemon=True).start()
        status = self._consume()
        self._leave()
        return status

    def _why_dead(self) -> str:
        return self._keeper.heartbeat.why_dead() or self._deafness.why_dead()

    def _why_unready(self) -> str:
        state = self._about.state
        unready = "" if state is WorkerState.READY else f"the worker is {state}"
        return unready or self._keeper.heartbeat.why_unready()

    def _jobs_that_wait(self) -> int:
        """Jobs that have waited for long while this worker had room for one."""
        full = self._mount.busy_slots() >= self._settings.max_concurrent_requests
        if full or not self._intake.open or self._about.state is not WorkerState.READY:
            return 0
        return long_waiting(self._redis, DEAF_SECONDS)

    def _heard(self, job_id: str) -> Outcome:
        self._deafness.hear()
        outcome = self._attempts.run(job_id)
        self._metrics.jobs.answered(outcome)
        return outcome

    def _leave_hung_jobs(self) -> None:
        # A bell rung now could reach this very process.
        self._sweeper.rescue(self._about.worker_id, ring=False)

    def _broken(self, why: str) -> None:
        self._metrics.engine.broke()
        self._intake.pause()
        self._caretaker.repair(why)

    def _create_attempts(self) -> Attempts:
        lease_ms = int(self._settings.lease_seconds * 1000)
        attempts = Attempts(
            self._mount,
            self._intake,
            self._breaker,
            Ledger(self._scripts, self._about.worker_id, lease_ms),
            self._keeper,
            self._writer.wake,
            self._metrics,
            self._settings.max_attempts,
        )
        attempts.spans = AttemptSpans(self._tracing)
        return attempts

    def _create_caretaker(self) -> Caretaker:
        caretaker = Caretaker(
            self._settings,
            self._mount,
            self._breaker,
            self._attempts,
            self._about,
            self._keeper,
            self._metrics,
            Reloads(self._redis, self._about.worker_id, self._settings),
        )
        if self._tracing.enabled:
            caretaker.prepare = partial(traced, tracing=self._tracing)
        return caretaker

    def _consume(self) -> int:
        """Run Celery's worker in this process until it has drained."""

        def drain() -> None:
            self._about.change(WorkerState.DRAINING)
            self._keeper.announce()
            self._caretaker.stop()
            self._attempts.drain()

        register_task(self._celery, self._heard)
        register_revoke(lambda job_id: self._scripts("cancel", job_id, "", uuid.uuid4().hex))
        hooks = PoolHooks(
            drain, self._attempts.release, self._settings.drain_seconds, self._intake.look
        )
        self._celery.steps["consumer"].add(self._intake.step())
        name = f"inference@{self._about.worker_id}"
        slots = self._settings.max_concurrent_requests
        return run_celery(self._celery, name, hooks, slots, self._metrics.messages.dropped)

    def _sweep(self) -> None:
        sweep_forever(self._sweeper, self._settings.sweep_seconds, self._stopping, Heartbeat())

    def _listen(self) -> None:
        listen_forever(self._redis, keys.COMMANDS_CHANNEL, self._caretaker.hear, self._stopping)

    def _leave(self) -> None:
        self._stopping.set()
        self._writer.stop()
        self._keeper.stop()
        self._mount.clear()
        try:
            self._redis.zrem(keys.WORKERS, self._about.worker_id)
            self._redis.delete(keys.worker(self._about.worker_id))
        except RedisError as error:
            log.warning("left without a word", error=str(error))
