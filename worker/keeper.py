"""Keeps the leases of a worker alive, and hears when one is voided or asked back."""

import os
import time
from collections.abc import Callable
from threading import Event, Lock, Thread

import structlog
from redis import Redis
from redis.exceptions import RedisError

from common.keys import ORDERS_CHANNEL
from common.scripts import Argument, Scripts
from worker.health import Heartbeat
from worker.lease import Lease
from worker.listener import listen_forever

log = structlog.get_logger()

#: Exit status of a worker whose engine hangs (EX_SOFTWARE).
STALLED = 70


class Keeper:
    """The leases held by this process, renewed in one call for all slots.

    ``about`` says what the worker tells of itself with each beat; ``last_step`` when its
    engine last moved. A worker whose engine stands still exits: its jobs go on elsewhere.
    """

    def __init__(
        self,
        scripts: Scripts,
        worker_id: str,
        about: Callable[[], dict[str, Argument]],
        on_stall: Callable[[], None],
        *,
        lease_seconds: float,
        beat_seconds: float,
        stall_seconds: float,
    ) -> None:
        self._scripts = scripts
        self._worker_id = worker_id
        self._about = about
        self._on_stall = on_stall
        self._lease_ms = int(lease_seconds * 1000)
        self._beat_seconds = beat_seconds
        self._stall_seconds = stall_seconds
        self._leases: dict[str, Lease] = {}
        self._lock = Lock()
        self._beat_now = Event()
        self._stop = Event()
        self.last_step: Callable[[], float] = time.monotonic
        self.heartbeat = Heartbeat()

    def hold(self, lease: Lease) -> None:
        """Renew this lease from now on."""
        with self._lock:
            self._leases[lease.token] = lease

    def drop(self, lease: Lease) -> None:
        """Renew it no more."""
        with self._lock:
            self._leases.pop(lease.token, None)

    def held(self) -> list[Lease]:
        """The leases held right now."""
        with self._lock:
            return list(self._leases.values())

    def announce(self) -> None:
        """Beat at once, to tell a change of the worker's state."""
        self._beat_now.set()

    def start(self, listener: Redis) -> None:
        """Start the two threads; ``listener`` is a client of their own."""
        Thread(target=self._beat_forever, name="beat", daemon=True).start()
        orders = (listener, ORDERS_CHANNEL, self._obey, self._stop)
        Thread(target=listen_forever, args=orders, name="orders", daemon=True).start()

    def stop(self) -> None:
        """Stop beating."""
        self._stop.set()
        self._beat_now.set()

    def beat(self) -> None:
        """Renew all leases once. Raises redis.RedisError."""
        leases = self.held()
        named = [part for lease in leases for part in (lease.job_id, lease.token)]
        about = [part for pair in self._about().items() for part in pair]
        answers = self._scripts(
            "beat", self._worker_id, self._lease_ms, 3600, len(leases), *named, *about
        )
        for lease, answer in zip(leases, answers, strict=True):
            if answer == "lost":
                lease.lose()

    def _beat_forever(self) -> None:
        while not self._stop.is_set():
            self._exit_if_stalled()
            self.heartbeat.turned()
            try:
                self.beat()
                self.heartbeat.reached()
            except RedisError as error:
                log.warning("beat failed", error=str(error))
            self._beat_now.wait(self._beat_seconds)
            self._beat_now.clear()

    def _exit_if_stalled(self) -> None:
        stalled = time.monotonic() - self.last_step()
        if stalled < self._stall_seconds:
            return
        log.critical("the engine hangs; this worker exits", stalled_seconds=round(stalled, 1))
        try:
            self._on_stall()
        except RedisError:
            log.exception("nobody was told; the leases will run out")
        os._exit(STALLED)

    def _obey(self, message: str) -> None:
        order, token = message.split()
        with self._lock:
            lease = self._leases.get(token)
        if lease is None:
            return
        if order == "void":
            lease.lose()
        elif order == "release":
            lease.give_back()
