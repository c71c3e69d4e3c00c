"""Sums, rates and percentiles as clients see them, for OpenAPI."""

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from api.schemas import Shape
from common.job import JobStatus
from common.queues import Priority


class PercentilesBody(Shape):
    """Milliseconds, within 5 % of the truth; null where there was no job."""

    p50: int | None
    p95: int | None
    p99: int | None
    count: int


class LatencyBody(Shape):
    """Of the jobs that ended."""

    queue_wait_ms: PercentilesBody = Field(description="From submit to the first start")
    time_to_first_token_ms: PercentilesBody = Field(description="From submit to the first token")
    total_ms: PercentilesBody = Field(description="From submit to the end, of completed jobs")


class PulseBody(Shape):
    """What ended in some time."""

    seconds: float = Field(description="What it covers: up to 15 s more than it is named for")
    jobs: dict[JobStatus, int]
    jobs_per_minute: float
    tokens_per_second: float
    latency: LatencyBody


class WindowBody(PulseBody):
    minutes: int


class MinuteBody(PulseBody):
    at: datetime = Field(description="When the minute began (UTC)")


class HistoryBody(Shape):
    """The last hour, a minute at a time, oldest first."""

    object: Literal["list"] = "list"
    data: list[MinuteBody]


class ServedModelBody(Shape):
    """The model that jobs get now; null where no worker is ready."""

    model_name: str | None
    quantization: str | None
    engine: str | None
    workers: int = Field(description="How many are ready with it")


class SumsBody(Shape):
    """Jobs that ended, what they used and what it cost."""

    jobs: int
    completed: int
    failed: int
    cancelled: int
    expired: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int = Field(description="Of the prompt tokens")
    cost_usd: float


class UsageDayBody(SumsBody):
    date: date
    model: str = Field(description="Empty for jobs that never started")


class BudgetBody(Shape):
    """This calendar month (UTC)."""

    monthly_budget_usd: float | None = Field(description="Null: no budget")
    spent_usd: float
    remaining_usd: float | None
    resets_at: datetime


class UsageReportBody(Shape):
    """Your usage; days without any are left out."""

    object: Literal["usage"] = "usage"
    user: str
    start_date: date
    end_date: date
    data: list[UsageDayBody]
    totals: SumsBody
    budget: BudgetBody


class UserSumsBody(SumsBody):
    user: str


class ModelSumsBody(SumsBody):
    model: str


class AllUsageBody(Shape):
    """Everybody's usage, the costliest first."""

    start_date: date
    end_date: date
    totals: SumsBody
    users: list[UserSumsBody]
    models: list[ModelSumsBody]


class WorkerBody(Shape):
    id: str
    kind: str
    state: str
    error: str | None
    breaker: Literal["closed", "half_open", "open"] | None = Field(
        description="The circuit breaker between its jobs and its model"
    )
    last_command: str | None = Field(description="The last one that it obeyed, by id")
    slots: int
    busy: int
    metrics_port: int | None
    tokens_per_second: float
    model_name: str | None
    quantization: str | None
    engine: str | None


class StatusBody(Shape):
    status: Literal["healthy", "degraded"]
    version: str
    model: ServedModelBody
    workers: list[WorkerBody]
    queue: dict[Priority, int] = Field(description="Waiting jobs")
    running: int
    slots: int
    mean_job_seconds: float | None
    windows: list[WindowBody] = Field(description="The last 1, 5 and 15 minutes")


class EndedBody(Shape):
    kind: str
    priority: Priority
    status: JobStatus
    jobs: int


class StatsBody(StatusBody):
    dead: int = Field(description="Dead letters")
    ended: list[EndedBody] = Field(description="Jobs that ended so far")
    usage: AllUsageBody
