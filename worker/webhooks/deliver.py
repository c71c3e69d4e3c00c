"""One attempt at a delivery: claim, render, sign, send, decide, record."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from common.signing import SigningKey, sign
from common.tracing import NoTracing, Span, Tracing
from common.vault import Unsealable
from common.webhooks import Delivery, DeliveryStatus, Try
from worker.webhooks.body import render
from worker.webhooks.decision import Decision, decide
from worker.webhooks.egress import Answer, Egress, SendError
from worker.webhooks.keyring import Keyring
from worker.webhooks.ledger import ClaimedDelivery, DeliveryLedger, Entry
from worker.webhooks.metrics import WebhookMetrics
from worker.webhooks.spans import delivery_span, tell

log = structlog.get_logger()

USER_AGENT = "Caravan-Webhooks/1"
#: Of an answer, for the owner to read.
KEPT_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Report:
    """How an attempt went; ``status`` None means that there was none."""

    status: DeliveryStatus | None
    why: str
    delay_seconds: float = 0.0


class Deliverer:
    """Answers the doorbells of deliveries; shared by the worker's threads."""

    def __init__(
        self,
        ledger: DeliveryLedger,
        keyring: Keyring,
        signing_key: SigningKey,
        egress: Egress,
        metrics: WebhookMetrics,
        schedule: Sequence[float],
        base_url: str = "",
        tracing: Tracing | None = None,
    ) -> None:
        self._ledger = ledger
        self._keyring = keyring
        self._signing_key = signing_key
        self._egress = egress
        self._metrics = metrics
        self._schedule = schedule
        self._base_url = base_url
        self._tracing = tracing or NoTracing()

    def run(self, delivery_id: str) -> Report:
        """Make one attempt, if there is one to make. Raises redis.RedisError from the claim."""
        claim = self._ledger.claim(delivery_id)
        if isinstance(claim, str):
            return Report(None, claim)
        with delivery_span(self._tracing, claim.delivery) as span:
            return self._attempted(claim, span)

    def _attempted(self, claim: ClaimedDelivery, span: Span) -> Report:
        with self._metrics.sending():
            began = time.monotonic()
            result = self._send(claim)
            seconds = time.monotonic() - began
        decision = decide(result, claim.delivery.failures, self._schedule, random.random())
        tell(span, result, decision)
        entry = self._ledger.record(claim, _attempt(claim, result, seconds), decision)
        return self._told(claim.delivery, decision, entry, seconds)

    def _send(self, claim: ClaimedDelivery) -> Answer | SendError:
        delivery = claim.delivery
        try:
            body = render(delivery, self._base_url)
            return self._egress.post(delivery.url, self._headers(claim, body), body)
        except Unsealable as error:
            return SendError(f"It cannot be signed. {error}")
        except SendError as error:
            return error

    def _headers(self, claim: ClaimedDelivery, body: bytes) -> dict[str, str]:
        message_id, now = claim.delivery.event_id, int(time.time())
        secrets = self._keyring.secrets(claim)
        return {
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            "webhook-id": message_id,
            "webhook-timestamp": str(now),
            "webhook-signature": sign(secrets, self._signing_key, message_id, now, body),
        }

    def _told(
        self, delivery: Delivery, decision: Decision, entry: Entry | None, seconds: float
    ) -> Report:
        """Count the attempt and say how it went."""
        if entry is None:
            log.warning("somebody else has this delivery", delivery_id=delivery.id)
            return Report(None, "lost")
        self._metrics.ended(delivery.event, decision.outcome, seconds, entry)
        if entry.disabled:
            log.error(
                "endpoint disabled",
                endpoint=delivery.endpoint,
                user=delivery.user,
                reason=entry.disabled,
            )
        if entry.status is DeliveryStatus.FAILED:
            log.warning("given up", delivery_id=delivery.id, lane=delivery.lane, why=decision.why)
        return Report(entry.status, decision.why, decision.delay_seconds)


def _attempt(claim: ClaimedDelivery, result: Answer | SendError, seconds: float) -> Try:
    number, at, took = claim.delivery.attempts, claim.now_ms, round(seconds * 1000)
    if isinstance(result, SendError):
        return Try(number, at, took, error=result.reason)
    answer = result.body[: 4 * KEPT_CHARACTERS].decode("utf-8", "replace")[:KEPT_CHARACTERS]
    return Try(number, at, took, result.status, answer)
