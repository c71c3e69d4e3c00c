"""Claim and record: the worker's side of a delivery's row."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from redis.exceptions import RedisError

from common.job import pairs
from common.scripts import Argument, Scripts
from common.webhooks import Delivery, DeliveryStatus, Try
from worker.webhooks.decision import Decision

log = structlog.get_logger()

#: A lease outlives the longest attempt by so much, and is not renewed.
MARGIN_SECONDS = 5.0
_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Sealed:
    """The signing secrets of a receiver as they are stored; empty where there is none yet."""

    secret: str
    old_secret: str
    old_until_ms: int


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """The right to make one attempt. ``now_ms`` is the server's clock at the claim."""

    delivery: Delivery
    token: str
    sealed: Sealed
    now_ms: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of a delivery whose attempt was written down."""

    status: DeliveryStatus
    disabled: str  #: why its endpoint was disabled just now, or empty
    age_seconds: float  #: since the event


class DeliveryLedger:
    """Deliveries as one worker takes and ends them."""

    def __init__(
        self,
        scripts: Scripts,
        worker_id: str,
        *,
        timeout_seconds: float,
        lane_limit: int,
        patience_seconds: int,
    ) -> None:
        self._scripts = scripts
        self._worker_id = worker_id
        self._lease_seconds = timeout_seconds + MARGIN_SECONDS
        self._lane_limit = lane_limit
        self._patience_ms = patience_seconds * 1000

    def claim(self, delivery_id: str) -> ClaimedDelivery | str:
        """Take a delivery for one attempt, or say why not. Raises redis.RedisError."""
        token = uuid.uuid4().hex
        lease_ms = int(self._lease_seconds * 1000)
        answer = self._scripts(
            "hook_claim", delivery_id, token, self._worker_id, lease_ms, self._lane_limit
        )
        if answer[0] != "claimed":
            return " ".join(map(str, answer))
        secret, old, until = answer[2]
        sealed = Sealed(secret, old, int(until or 0))
        return ClaimedDelivery(
            Delivery.from_hash(pairs(answer[1])), token, sealed, now_ms=int(answer[3])
        )

    def record(self, claim: ClaimedDelivery, attempt: Try, decision: Decision) -> Entry | None:
        """Write the attempt down; None if somebody else has this delivery by now."""
        args = (
            *(claim.delivery.id, claim.token, decision.outcome.value, attempt.to_json()),
            *(int(decision.delay_seconds * 1000), decision.why, self._patience_ms),
            *(self._lane_limit, int(decision.pause_seconds * 1000)),
        )
        answer = self._insist(claim.delivery.id, args)
        if answer[0] != "ok":
            return None
        return Entry(DeliveryStatus(answer[1]), str(answer[2]), int(answer[3]) / 1000)

    def _insist(self, delivery_id: str, args: tuple[Argument, ...]) -> list[Any]:
        """Call until Redis answers, or the lease is long over: then it is sent again."""
        for _ in _until(time.monotonic() + 4 * self._lease_seconds):
            try:
                return list(self._scripts("hook_done", *args))
            except RedisError as error:
                log.warning("redis is away", delivery_id=delivery_id, error=str(error))
        return ["lost"]


def _until(deadline: float) -> Iterator[None]:
    """At once, and then again and again with pauses."""
    while time.monotonic() < deadline:
        yield
        time.sleep(_PAUSE_SECONDS)
