"""What every request to /v1 becomes: a job, and what the view of it must repeat."""

import hashlib
import json
from typing import Any, ClassVar

from pydantic import Field

from api.requests.job import JobRequest
from api.schemas import LIMITS
from api.v1.fields import OpenAIBody
from api.v1.tiers import priority_of
from common.job import Api, JobKind, OnDisconnect

#: OpenAI's default, not ours.
TEMPERATURE = 1.0


class ViewRequest(JobRequest):
    """A job as asked for through /v1.

    ``asked`` is what the answer must repeat and the job does not say; ``body`` a digest of
    all that was sent, so that equal requests are known.
    """

    job_kind: ClassVar[JobKind] = JobKind.GENERATE

    api: Api
    asked: dict[str, Any] = Field(default_factory=dict)
    body: str

    @property
    def route(self) -> str:
        return self.api.value

    def view_fields(self) -> dict[str, str]:
        return {"api": self.api.value, "asked": json.dumps(self.asked)}


def view_request(
    api: Api,
    body: OpenAIBody,
    *,
    max_tokens: int | None = None,
    on_disconnect: OnDisconnect = OnDisconnect.CANCEL,
    asked: dict[str, Any],
    **knobs: Any,
) -> ViewRequest:
    """The job that ``body`` asks for; ``knobs`` are further fields of JobRequest."""
    tokens = LIMITS["max_tokens"].default if max_tokens is None else max_tokens
    same = {name: getattr(body, name) for name in _TAKEN_OVER}
    return ViewRequest(
        api=api,
        asked={"model": body.model, **asked},
        body=hashlib.sha256(body.model_dump_json().encode()).hexdigest(),
        max_tokens=tokens,
        temperature=TEMPERATURE if body.temperature is None else body.temperature,
        priority=priority_of(body.service_tier),
        on_disconnect=body.on_disconnect or on_disconnect,
        **{name: value for name, value in {**same, **knobs}.items() if value is not None},
    )


_TAKEN_OVER = (
    *("top_p", "top_k", "metadata", "deadline_seconds", "queue_ttl_seconds", "timeout_seconds"),
    *("result_ttl_seconds", "webhook_url", "webhook_events", "webhook_include_result"),
)
