"""What a trace shows of an attempt at a delivery; its URL's path and query stay untold."""

from contextlib import AbstractContextManager
from urllib.parse import urlsplit

from common.tracing import Attributes, Kind, Span, Tracing
from common.webhooks import Delivery
from worker.webhooks.decision import Decision, Outcome
from worker.webhooks.egress import Answer, SendError


def delivery_span(tracing: Tracing, delivery: Delivery) -> AbstractContextManager[Span]:
    """Around one attempt: a child of the request that made the job."""
    about: Attributes = {
        "http.request.method": "POST",
        "server.address": urlsplit(delivery.url).hostname or "",
        "caravan.webhook.event": delivery.event,
        "caravan.webhook.subject": delivery.subject,
        "caravan.webhook.delivery": delivery.id,
        "caravan.attempt": delivery.attempts,
    }
    return tracing.span(f"deliver {delivery.event}", delivery.traceparent, Kind.CLIENT, about)


def tell(span: Span, result: Answer | SendError, decision: Decision) -> None:
    """How it went."""
    span.tell({"caravan.outcome": decision.outcome.value})
    if isinstance(result, Answer):
        span.tell({"http.response.status_code": result.status})
    if decision.outcome is not Outcome.SUCCEEDED:
        span.fail(str(result.status) if isinstance(result, Answer) else "not_sent")
