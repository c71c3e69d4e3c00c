import math

import pytest

from common.job import Job, JobStatus, Work, new_job_id
from common.prompt import Message, Prompt, Role
from common.sampling import Sampling

RECORD = {
    "id": "job_1",
    "user": "ada",
    "kind": "explain",
    "priority": "high",
    "status": "completed",
    "work": Work(Prompt(text="hi"), Sampling(stop=("\n",), seed=7)).to_json(),
    "created_ms": "1000",
    "enqueued_ms": "1000",
    "started_ms": "1500",
    "completed_ms": "3500",
    "tokens": "5",
    "decode_ms": "800",
    "logprob_sum": "-1.0",
    "text": "héllo",
    "lengths": "1,2,0,1,1",
    "finish_reason": "stop",
}


def test_a_record_of_an_older_version_without_newer_fields_is_read() -> None:
    assert Job.from_hash(RECORD).kills == 0


def test_every_number_of_a_result_is_derived_from_the_record() -> None:
    job = Job.from_hash(RECORD)
    assert job.confidence == pytest.approx(math.exp(-0.2))
    assert job.tokens_per_second == pytest.approx(5.0)
    assert job.processing_ms == 2000


@pytest.mark.parametrize(("offset", "text"), [(0, "héllo"), (1, "éllo"), (3, "lo"), (5, "")])
def test_text_can_be_replayed_from_any_token(offset: int, text: str) -> None:
    assert Job.from_hash(RECORD).text_after(offset) == text


def test_a_job_without_tokens_has_no_confidence_and_no_speed() -> None:
    job = Job.from_hash({**RECORD, "tokens": "0", "decode_ms": "0"})
    assert job.confidence is None
    assert job.tokens_per_second is None


def test_work_survives_its_stored_form() -> None:
    work = Work(Prompt(messages=(Message(Role.USER, "hé"),)), Sampling(stop=("a", "b")))
    assert Work.from_json(work.to_json()) == work


def test_ids_are_distinct_sortable_by_time_and_safe_in_urls_and_keys() -> None:
    ids = [new_job_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert [i[:14] for i in ids] == sorted(i[:14] for i in ids)
    assert all(len(i) == 30 and i.replace("_", "").isalnum() for i in ids)


def test_only_queued_and_running_jobs_are_unfinished() -> None:
    assert [status for status in JobStatus if not status.terminal] == ["queued", "in_progress"]
