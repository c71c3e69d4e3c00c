"""A batch as clients see it, against what OpenAPI promises of it."""

from dataclasses import replace

import pytest
from openai.types import Batch as SdkBatch
from openai.types import FileObject

from api.batches.batch import Batch, BatchStatus
from api.batches.openai_body import OpenAIBatchBody
from api.batches.views import BatchBody, BatchSummaryBody, batch_view, openai_view
from api.files.files import File
from api.files.views import FileBody, file_view
from common.job import JobKind
from common.queues import Priority

BATCH = Batch(
    id="batch_1",
    user="ada",
    kind=JobKind.GENERATE,
    api="batches",
    endpoint="/v1/chat/completions",
    status=BatchStatus.IN_PROGRESS,
    priority=Priority.LOW,
    input_file_id="file-i",
    output_file_id="file-o",
    error_file_id="file-e",
    created_ms=1_000_000,
    expires_ms=87_400_000,
    total=3,
    completed=1,
    prompt_tokens=10,
    tokens=5,
)


@pytest.mark.parametrize("status", list(BatchStatus))
def test_both_views_are_what_openapi_says(status: BatchStatus) -> None:
    batch = replace(BATCH, status=status, ended_ms=2_000_000 if status.terminal else 0)

    BatchBody.model_validate(batch_view(batch), extra="forbid", strict=False)
    BatchSummaryBody.model_validate(batch_view(batch, jobs=False), extra="forbid", strict=False)
    OpenAIBatchBody.model_validate(openai_view(batch), extra="forbid", strict=False)
    # The official types know every field and every status
    known = SdkBatch.model_validate(openai_view(batch), strict=True)
    assert known.to_dict().keys() <= SdkBatch.model_fields.keys()


def test_a_batch_that_expires_is_being_finalized_for_those_who_ask() -> None:
    assert openai_view(replace(BATCH, status=BatchStatus.EXPIRING))["status"] == "finalizing"


def test_the_time_of_the_end_stands_under_its_name() -> None:
    for status in (BatchStatus.COMPLETED, BatchStatus.CANCELLED, BatchStatus.EXPIRED):
        view = openai_view(replace(BATCH, status=status, ended_ms=2_000_000))
        ends = {
            name for name in ("completed", "failed", "expired", "cancelled") if view[f"{name}_at"]
        }
        assert ends == {status.value}


def test_a_file_is_named_once_there_is_something_in_it() -> None:
    assert openai_view(BATCH)["output_file_id"] is None
    assert openai_view(replace(BATCH, output_bytes=10))["output_file_id"] == "file-o"
    assert (
        batch_view(replace(BATCH, error_bytes=10))["urls"]["errors"] == "/v1/files/file-e/content"
    )


def test_each_line_of_a_batch_has_the_id_of_its_job() -> None:
    assert batch_view(BATCH)["jobs"] == ["batch_1_0", "batch_1_1", "batch_1_2"]


def test_a_file_is_what_openapi_and_the_official_client_say() -> None:
    view = file_view(File("file-1", "ada", "in.jsonl", "batch", 10, 1000, 2000))

    FileBody.model_validate(view, extra="forbid", strict=False)
    FileObject.model_validate(view, strict=True)
