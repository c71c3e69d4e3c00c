"""Many jobs in one request."""

from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Discriminator, FailFast, Field, Tag

from api.requests.explain import ExplainRequest
from api.requests.generate import GenerateRequest
from api.requests.job import JobRequest, MetadataKey, MetadataValue
from api.requests.webhooks import WebhookFields
from api.schemas import LIMITS, SpokenText, at_most, length
from common.job import JobKind
from common.queues import Priority


class GenerateBatchRequest(JobRequest, WebhookFields):
    """Generate a text from each prompt, with the same settings for all."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"prompts": ["What is a call?", "What is a put?"]}]}
    )
    job_kind: ClassVar[JobKind] = JobKind.GENERATE

    prompts: Annotated[list[Annotated[str, length("prompt"), SpokenText]], FailFast()] = Field(
        min_length=1, description="At most MAX_BATCH_LINES; each becomes a job"
    )
    priority: Priority = Field(Priority.LOW, description="Which queue the jobs wait in")

    def bodies(self) -> list[dict[str, Any]]:
        """The body of each job, as POST /generate takes it."""
        own = {"prompts", *WebhookFields.model_fields}
        common = self.model_dump(mode="json", exclude_unset=True, exclude=own)
        return [{**common, "prompt": prompt} for prompt in self.prompts]


class ExplainBatchRequest(WebhookFields):
    """Explain each of several contexts."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "requests": [
                        {"context": {"analysis_type": "sentiment", "symbol": "AAPL"}},
                        {"context": {"analysis_type": "technical", "symbol": "TSLA", "rsi": 71}},
                    ]
                }
            ]
        }
    )
    job_kind: ClassVar[JobKind] = JobKind.EXPLAIN

    requests: Annotated[list[ExplainRequest], FailFast()] = Field(
        min_length=1, description="At most MAX_BATCH_LINES; each becomes a job"
    )
    priority: Priority = Field(
        Priority.LOW, description="Of the requests that do not say it themselves"
    )
    metadata: Annotated[dict[MetadataKey, MetadataValue], at_most("metadata")] = Field(
        default_factory=dict,
        max_length=int(LIMITS["metadata"].maximum),
        description="Yours; comes back with the batch",
    )

    def bodies(self) -> list[dict[str, Any]]:
        """The body of each job, as POST /explain takes it."""
        return [one.model_dump(mode="json", exclude_unset=True) for one in self.requests]


def _form(body: Any) -> str:
    """The tag of the member; it leaves no trace in errors."""
    return "=many" if isinstance(body, dict) and "prompts" in body else "=one"


GenerateOneOrMany = Annotated[
    Annotated[GenerateRequest, Tag("=one")] | Annotated[GenerateBatchRequest, Tag("=many")],
    Discriminator(_form),
]
