"""Who is to be told of what: in the request of a job, and as an endpoint for all jobs."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from api.schemas import LIMITS, Body, OutOfLimits, clean, length
from common.webhook_url import parse_webhook_url
from common.webhooks import EventType, JobWebhook

_URL = "https://hooks.example.com/caravan"

#: What a job or a batch can tell of itself.
JobEvent = Literal[
    EventType.JOB_STARTED,
    EventType.JOB_COMPLETED,
    EventType.JOB_FAILED,
    EventType.JOB_CANCELLED,
    EventType.JOB_EXPIRED,
    EventType.BATCH_COMPLETED,
    EventType.BATCH_FAILED,
    EventType.BATCH_EXPIRED,
    EventType.BATCH_CANCELLED,
    EventType.RESPONSE_COMPLETED,
    EventType.RESPONSE_FAILED,
    EventType.RESPONSE_CANCELLED,
    EventType.RESPONSE_INCOMPLETE,
]
#: What an endpoint can be told.
EndpointEvent = Literal[JobEvent, EventType.ENDPOINT_DISABLED]


def _well_formed(url: str) -> str:
    parse_webhook_url(url)
    return url


def _once_each(events: list[Any]) -> list[Any]:
    return list(dict.fromkeys(events))


def _filter(event: Any) -> Any:
    """A list of events, each once; null is all but job.started."""
    limit = LIMITS["events"]
    return Annotated[
        list[event],
        Field(min_length=int(limit.minimum), max_length=int(limit.maximum)),
        AfterValidator(_once_each),
    ]


WebhookUrlText = Annotated[str, length("webhook_url"), AfterValidator(_well_formed)]
Description = Annotated[str, length("description"), AfterValidator(clean)]


class WebhookFields(Body):
    """The part of a job's request that says who is told of it."""

    webhook_url: WebhookUrlText | None = Field(
        None, description="Where events of this job are sent, besides your endpoints"
    )
    webhook_events: _filter(JobEvent) | None = Field(  # type: ignore[valid-type]
        None, description="Which events; all but `job.started` by default"
    )
    webhook_include_result: bool = Field(
        False, description="Whether the event of a completed job has its result"
    )

    @model_validator(mode="after")
    def _need_a_url(self) -> Self:
        if self.webhook_url is None and self.webhook_events is not None:
            raise OutOfLimits(
                "webhook_events",
                "events",
                list(self.webhook_events),
                "is of no use without webhook_url",
            )
        return self

    def record_webhook(self) -> str:
        """The field of the record; empty without a URL."""
        if self.webhook_url is None:
            return ""
        events = tuple(self.webhook_events or ())
        return JobWebhook(self.webhook_url, events, self.webhook_include_result).to_json()


class EndpointRequest(Body):
    """A receiver of the events of all your jobs."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": _URL,
                    "events": ["job.completed", "job.failed"],
                    "description": "Tells the desk",
                }
            ]
        }
    )

    url: WebhookUrlText = Field(description="https, or http in development")
    events: _filter(EndpointEvent) | None = Field(  # type: ignore[valid-type]
        None, description="Which events; all but `job.started` by default"
    )
    description: Description = Field("", description="Yours, to know it again")
    include_result: bool = Field(
        False, description="Whether the event of a completed job has its result"
    )
    disabled: bool = Field(False, description="Whether nothing is sent for now")


class EndpointChange(Body):
    """Fields to change; those left out stay as they are."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"disabled": True}]})

    url: WebhookUrlText = Field(_URL, description="https, or http in development")
    events: _filter(EndpointEvent) | None = Field(  # type: ignore[valid-type]
        None, description="Which events; null is all but `job.started`"
    )
    description: Description = Field("", description="Yours, to know it again")
    include_result: bool = Field(
        False, description="Whether the event of a completed job has its result"
    )
    disabled: bool = Field(
        False, description="true: nothing is sent for now; false: in use again, errors forgotten"
    )
