"""What POST /v1/batches takes, and what it answers."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.batches.views import BatchErrorBody
from api.requests.job import MetadataKey, MetadataValue
from api.schemas import LIMITS, Body, Shape


class OutputExpiry(Body):
    """When the output files are deleted."""

    anchor: Literal["created_at"]
    seconds: int = Field(strict=True, ge=3600, le=2_592_000)


class BatchCreateBody(Body):
    """Run the lines of an uploaded file."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "input_file_id": "file-00d4kgw9y2m6e0tqv3s1x8n5zr",
                    "endpoint": "/v1/chat/completions",
                    "completion_window": "24h",
                }
            ]
        }
    )

    input_file_id: str = Field(min_length=1, max_length=64, description="From POST /v1/files")
    endpoint: Literal[
        "/v1/chat/completions", "/v1/completions", "/v1/responses", "/generate", "/explain"
    ] = Field(description="What every line asks")
    completion_window: Literal["24h"]
    metadata: (
        Annotated[
            dict[MetadataKey, MetadataValue],
            Field(max_length=int(LIMITS["metadata"].maximum)),
        ]
        | None
    ) = None
    output_expires_after: OutputExpiry | None = None


class ErrorsBody(Shape):
    object: Literal["list"]
    data: list[BatchErrorBody]


class OpenAICountsBody(Shape):
    total: int
    completed: int
    failed: int


class OpenAIBatchBody(Shape):
    """OpenAI's Batch. Times are Unix seconds, null for what has not happened."""

    id: str
    object: Literal["batch"]
    endpoint: str
    errors: ErrorsBody | None
    input_file_id: str
    completion_window: Literal["24h"]
    status: str
    output_file_id: str | None = Field(description="Can be read while the batch runs")
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int | None
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: OpenAICountsBody
    usage: dict[str, Any]
    metadata: dict[str, str] | None


class OpenAIBatchListBody(Shape):
    object: Literal["list"]
    data: list[OpenAIBatchBody]
    first_id: str | None
    last_id: str | None
    has_more: bool
