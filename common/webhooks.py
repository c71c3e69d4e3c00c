"""Webhooks: the events, the deliveries that carry them, and the endpoints that get them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class EventType(StrEnum):
    """The closed list of events; the ``response.*`` are of jobs made through /v1/responses."""

    JOB_STARTED = "job.started"
    JOB_COMPLETED = "job.completed"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"
    JOB_EXPIRED = "job.expired"
    BATCH_COMPLETED = "batch.completed"
    BATCH_FAILED = "batch.failed"
    BATCH_EXPIRED = "batch.expired"
    BATCH_CANCELLED = "batch.cancelled"
    RESPONSE_COMPLETED = "response.completed"
    RESPONSE_FAILED = "response.failed"
    RESPONSE_CANCELLED = "response.cancelled"
    RESPONSE_INCOMPLETE = "response.incomplete"
    ENDPOINT_DISABLED = "endpoint.disabled"
    ENDPOINT_TEST = "endpoint.test"


class DeliveryStatus(StrEnum):
    """Where a delivery is."""

    PENDING = "pending"  #: waits for its next attempt
    SENDING = "sending"  #: a worker makes an attempt
    SUCCEEDED = "succeeded"
    FAILED = "failed"  #: given up, or its endpoint is disabled
    CANCELLED = "cancelled"  #: overtaken by the job's end, or its endpoint was deleted

    @property
    def ended(self) -> bool:
        """Whether nothing more is sent, unless somebody asks for a replay."""
        return self not in (DeliveryStatus.PENDING, DeliveryStatus.SENDING)


class Format(StrEnum):
    """How the body is written."""

    NATIVE = ""
    OPENAI = "openai"


@dataclass(frozen=True, slots=True)
class JobWebhook:
    """The URL that one job reports to; no ``events`` means all but job.started."""

    url: str
    events: tuple[str, ...] = ()
    include_result: bool = False

    def to_json(self) -> str:
        """The form in the job's record, field ``webhook``."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt at a delivery: an answer, or an error in one sentence."""

    number: int
    at_ms: int
    duration_ms: int
    status_code: int | None = None
    answer: str = ""  #: its first bytes
    error: str = ""

    def to_json(self) -> str:
        """The form in Redis."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Try":
        """Read the stored form."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one receiver. Times in ms of the server's clock; 0 is never."""

    id: str
    event_id: str  #: the webhook-id header: the same over all attempts, replays and endpoints
    user: str
    subject: str  #: id of the job, batch or endpoint that it tells of
    event: str
    format: Format
    endpoint: str  #: id of the registered endpoint; empty for the job's own URL
    url: str
    lane: str  #: what shares a limit of sends at once, and a circuit
    status: DeliveryStatus
    include_result: bool = False
    created_ms: int = 0
    due_ms: int = 0
    completed_ms: int = 0
    attempts: int = 0
    failures: int = 0  #: of the current schedule
    interrupted: int = 0  #: attempts whose worker died
    error: str = ""
    traceparent: str = ""  #: of the request that it is a late part of
    facts: dict[str, Any] = field(default_factory=dict)  #: of the subject when it happened

    @classmethod
    def from_hash(cls, raw: Mapping[str, str]) -> "Delivery":
        """Build a delivery from its Redis hash. Raises KeyError on a foreign hash."""
        texts = ("id", "event_id", "user", "subject", "event", "endpoint", "url", "lane")
        numbers = ("created_ms", "due_ms", "completed_ms", "attempts", "failures", "interrupted")
        plain: dict[str, Any] = {name: raw[name] for name in texts}
        plain |= {name: int(raw.get(name) or 0) for name in numbers}
        return cls(
            **plain,
            format=Format(raw.get("format", "")),
            status=DeliveryStatus(raw["status"]),
            include_result=raw.get("include_result") == "1",
            error=raw.get("error", ""),
            traceparent=raw.get("traceparent", ""),
            facts=json.loads(raw.get("facts") or "{}"),
        )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A registered receiver. ``disabled_reason``: user, gone (410) or failing (for days)."""

    id: str
    user: str
    url: str
    enabled: bool
    events: tuple[str, ...] = ()
    description: str = ""
    include_result: bool = False
    disabled_reason: str = ""
    disabled_ms: int = 0
    created_ms: int = 0
    updated_ms: int = 0
    failing_since_ms: int = 0

    @classmethod
    def from_hash(cls, raw: Mapping[str, str]) -> "Endpoint":
        """Build an endpoint from its Redis hash. Raises KeyError on a foreign hash."""
        numbers = ("disabled_ms", "created_ms", "updated_ms", "failing_since_ms")
        return cls(
            id=raw["id"],
            user=raw["user"],
            url=raw["url"],
            enabled=raw["enabled"] == "1",
            events=tuple(raw.get("events", "").split()),
            description=raw.get("description", ""),
            include_result=raw.get("include_result") == "1",
            disabled_reason=raw.get("disabled_reason", ""),
            **{name: int(raw.get(name) or 0) for name in numbers},
        )
