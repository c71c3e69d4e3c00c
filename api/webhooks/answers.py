"""Endpoints, deliveries and secrets as clients see them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, Self

from pydantic import Field

from api.examples import shown
from api.schemas import Shape
from api.webhooks.examples import DELIVERY, ENDPOINT, SECRET
from common.webhooks import Delivery, DeliveryStatus, Endpoint, EventType, Try


class EndpointBody(Shape):
    """A receiver of events; its secret is shown when it is made."""

    model_config = shown(ENDPOINT)

    id: str
    object: Literal["webhook.endpoint"] = "webhook.endpoint"
    url: str
    events: list[EventType] | None = Field(description="null: all but `job.started`")
    description: str
    include_result: bool
    disabled: bool
    disabled_reason: Literal["user", "gone", "failing"] | None = Field(
        description="You, its answer 410, or failures for days"
    )
    disabled_at: datetime | None
    failing_since: datetime | None = Field(description="null once an attempt succeeds")
    created_at: datetime | None
    updated_at: datetime | None

    @classmethod
    def of(cls, endpoint: Endpoint) -> Self:
        """Show an endpoint."""
        return cls.model_validate(_endpoint_fields(endpoint))


class NewEndpointBody(EndpointBody):
    """An endpoint that was just made."""

    model_config = shown({**ENDPOINT, "secret": SECRET})

    secret: str = Field(description="`whsec_…`: checks signatures; shown this once")

    @classmethod
    def made(cls, endpoint: Endpoint, secret: str) -> Self:
        """Show an endpoint with its secret."""
        return cls.model_validate({**_endpoint_fields(endpoint), "secret": secret})


class EndpointListBody(Shape):
    object: Literal["list"] = "list"
    data: list[EndpointBody]
    first_id: str | None
    last_id: str | None = Field(description="The next page's `after`")
    has_more: bool


class SecretBody(Shape):
    secret: str = Field(examples=[SECRET])
    previous_valid_until: datetime | None = Field(
        None, description="Until then signatures of the secret before it are sent too"
    )


class AttemptBody(Shape):
    """One request, and what came of it."""

    number: int
    at: datetime
    status_code: int | None = Field(description="null where no answer came")
    duration_ms: int
    answer: str = Field(description="Its first bytes")
    error: str | None

    @classmethod
    def of(cls, attempt: Try) -> Self:
        """Show an attempt."""
        return cls(
            number=attempt.number,
            at=datetime.fromtimestamp(attempt.at_ms / 1000, UTC),
            status_code=attempt.status_code,
            duration_ms=attempt.duration_ms,
            answer=attempt.answer,
            error=attempt.error or None,
        )


class DeliveryBody(Shape):
    """One event on its way to one receiver."""

    model_config = shown(DELIVERY)

    id: str
    object: Literal["webhook.delivery"] = "webhook.delivery"
    event_id: str = Field(description="The `webhook-id` header of every attempt")
    type: EventType
    status: DeliveryStatus
    url: str
    job_id: str | None
    batch_id: str | None
    endpoint_id: str | None = Field(description="null for the `webhook_url` of a job")
    created_at: datetime | None
    next_attempt_at: datetime | None = Field(description="While it is pending")
    completed_at: datetime | None
    error: str | None = Field(description="Why it ended without success")
    attempt_count: int
    attempts: list[AttemptBody] = Field(description="The last 50, oldest first")

    @classmethod
    def of(cls, delivery: Delivery, attempts: Sequence[Try]) -> Self:
        """Show a delivery."""
        pending = delivery.status is DeliveryStatus.PENDING
        subject = delivery.subject
        return cls(
            id=delivery.id,
            event_id=delivery.event_id,
            type=EventType(delivery.event),
            status=delivery.status,
            url=delivery.url,
            job_id=None if delivery.event.startswith(("batch.", "endpoint.")) else subject,
            batch_id=subject if delivery.event.startswith("batch.") else None,
            endpoint_id=delivery.endpoint or None,
            created_at=moment(delivery.created_ms),
            next_attempt_at=moment(delivery.due_ms) if pending else None,
            completed_at=moment(delivery.completed_ms),
            error=delivery.error or None,
            attempt_count=delivery.attempts,
            attempts=[AttemptBody.of(attempt) for attempt in attempts],
        )


class DeliveryListBody(Shape):
    object: Literal["list"] = "list"
    data: list[DeliveryBody]
    first_id: str | None
    last_id: str | None = Field(description="The next page's `after`")
    has_more: bool


class RecoveryBody(Shape):
    recovered: int = Field(description="Failed deliveries that are sent again, oldest first")


class PublicKeyBody(Shape):
    """An Ed25519 key as a JWK (RFC 8037), and as Standard Webhooks writes it."""

    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"
    alg: Literal["EdDSA"] = "EdDSA"
    use: Literal["sig"] = "sig"
    kid: str
    x: str
    whpk: str | None = Field(None, description="`whpk_` and base64; of the key of webhooks")


class PublicKeysBody(Shape):
    """A JWK set."""

    keys: list[PublicKeyBody]


def moment(ms: int) -> datetime | None:
    """Milliseconds since 1970; None for never."""
    return datetime.fromtimestamp(ms / 1000, UTC) if ms else None


def _endpoint_fields(endpoint: Endpoint) -> dict[str, object]:
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "events": endpoint.events or None,
        "description": endpoint.description,
        "include_result": endpoint.include_result,
        "disabled": not endpoint.enabled,
        "disabled_reason": endpoint.disabled_reason or None,
        "disabled_at": moment(endpoint.disabled_ms),
        "failing_since": moment(endpoint.failing_since_ms),
        "created_at": moment(endpoint.created_ms),
        "updated_at": moment(endpoint.updated_ms),
    }
