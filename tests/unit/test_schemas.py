"""The table of limits, and that models, errors and answers agree with it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from api.admission import Pace
from api.answers import JobBody
from api.faults import field_errors
from api.requests.explain import ExplainRequest
from api.requests.generate import GenerateRequest
from api.schemas import LIMITS
from api.submission import body_digest
from api.views import Snapshot, job_view
from common.errors import JobError
from common.job import Job, JobKind, JobStatus, Work
from common.prompt import Prompt
from common.queues import Priority
from common.sampling import FinishReason, Sampling

NUMBERS = [
    *("max_tokens", "temperature", "top_p", "top_k", "seed", "deadline_seconds"),
    *("queue_ttl_seconds", "timeout_seconds", "result_ttl_seconds"),
]


def faults(model: type[BaseModel], body: Any) -> list[dict[str, Any]]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(body)
    return field_errors(in_body(caught.value))


def in_body(error: ValidationError) -> list[dict[str, Any]]:
    """As FastAPI reports what is wrong with a request's body."""
    return [{**item, "loc": ("body", *item["loc"])} for item in error.errors()]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_taken_at_its_limits_and_refused_beyond(name: str) -> None:
    # Given the field's line in the table
    limit = LIMITS[name]
    step = 1 if limit.maximum > 2 else 0.001
    low = limit.minimum + step if limit.above else limit.minimum
    # When its ends are sent, then they are taken
    for value in (low, limit.maximum):
        assert getattr(GenerateRequest.model_validate({"prompt": "x", name: value}), name) == value
    # When what lies beyond is sent, then the error quotes the table
    for value in (low - step, limit.maximum + step):
        (fault,) = faults(GenerateRequest, {"prompt": "x", name: value})
        assert (fault["field"], fault["limit"], fault["value"]) == (name, str(limit), value)


@pytest.mark.parametrize("name", NUMBERS)
def test_the_documentation_shows_the_numbers_of_the_table(name: str) -> None:
    shown = GenerateRequest.model_json_schema()["properties"][name]
    shown = {**shown, **next((k for k in shown.get("anyOf", []) if "maximum" in k), {})}

    assert shown["maximum"] == LIMITS[name].maximum
    assert shown.get("minimum", shown.get("exclusiveMinimum")) == LIMITS[name].minimum
    assert shown["default"] == LIMITS[name].default


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_is_finite(value: float) -> None:
    assert faults(GenerateRequest, {"prompt": "x", "temperature": value})


def test_one_stop_string_is_a_list_of_one() -> None:
    assert GenerateRequest(prompt="x", stop="END").stop == ["END"]


def test_a_context_keeps_its_facts_in_order() -> None:
    context = {"analysis_type": "risk", "z": 1, "a": [1, {"b": None}], "symbol": "A"}

    request = ExplainRequest.model_validate({"context": context})

    facts = [(name, value) for name, value, _ in request.context.given()]
    assert facts == [("z", 1), ("a", [1, {"b": None}])]


def test_a_body_is_the_same_with_its_defaults_written_out() -> None:
    def digest(**body: Any) -> str:
        return body_digest(GenerateRequest(prompt="x", **body))

    assert digest() == digest(max_tokens=200, temperature=0.1, stop=None)
    assert digest() != digest(max_tokens=201)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize("model", [GenerateRequest, ExplainRequest])
@given(body=json_values)
def test_any_json_is_taken_or_refused_with_a_field(model: type[BaseModel], body: Any) -> None:
    try:
        model.model_validate(body)
    except ValidationError as error:
        for fault in field_errors(in_body(error)):
            assert fault["field"]
            assert fault["message"]


@given(st.dictionaries(st.text(), json_values))
def test_any_context_is_taken_or_refused_with_a_field(facts: dict[str, Any]) -> None:
    context = {**facts, "analysis_type": "risk"}
    try:
        ExplainRequest.model_validate({"context": context})
    except ValidationError as error:
        faults_found = field_errors(in_body(error))
        assert all(fault["field"].startswith("context") for fault in faults_found)


@pytest.mark.parametrize("name", ["body", "query", "header", "path", "=one", "="])
def test_a_field_may_be_named_like_a_part_of_the_request(name: str) -> None:
    (fault,) = faults(GenerateRequest, {"prompt": "x", name: 1})
    assert fault["field"] == name


@pytest.mark.parametrize(
    "many",
    [
        {str(n): n for n in range(50_000)},
        {"prompt": "x", "metadata": {str(n): n for n in range(50_000)}},
        {"prompt": "x", "stop": [1] * 50_000},
    ],
    ids=["fields", "pairs", "strings"],
)
def test_very_many_mistakes_are_one(many: dict[str, Any]) -> None:
    (fault,) = faults(GenerateRequest, many)

    assert len(json.dumps(fault)) < 500


def test_a_huge_mistake_gets_a_small_answer() -> None:
    faults_found = faults(GenerateRequest, {f"{'k' * 9000}{n}": n for n in range(50)})

    assert len(faults_found) == 20
    assert max(len(fault["field"]) for fault in faults_found) < 200


def a_job(status: JobStatus, **fields: Any) -> Job:
    defaults: dict[str, Any] = {
        "id": "job_1",
        "user": "ada",
        "kind": JobKind.GENERATE,
        "priority": Priority.NORMAL,
        "status": status,
        "work": Work(Prompt(text="x"), Sampling()),
        "created_ms": 1_700_000_000_123,
        "enqueued_ms": 1_700_000_000_123,
    }
    return Job(**{**defaults, **fields})


ENDED = {"started_ms": 1_700_000_001_000, "completed_ms": 1_700_000_002_500, "tokens": 3}


@pytest.mark.parametrize("kind", list(JobKind))
@pytest.mark.parametrize("status", list(JobStatus))
def test_every_view_of_a_job_is_as_documented(status: JobStatus, kind: JobKind) -> None:
    ended = {**ENDED, "text": "abc", "finish_reason": FinishReason.STOP} if status.terminal else {}
    error = JobError("timeout", "Too long.") if status is JobStatus.FAILED else None
    job = a_job(status, kind=kind, error=error, **ended)

    view = job_view(Snapshot(job, ahead=2, pace=Pace(1000, 3), start_in_ms=1000))

    documented = JobBody.model_validate(view, extra="forbid")
    assert documented.model_dump(mode="json", exclude_unset=True).keys() == view.keys()


def test_times_are_iso_8601_in_utc() -> None:
    view = job_view(Snapshot(a_job(JobStatus.COMPLETED, **ENDED), -1, Pace()))

    assert view["created_at"] == "2023-11-14T22:13:20.123Z"
    assert view["expires_at"] is None
    assert view["result"]["processing_time_ms"] == 1500


def test_a_result_that_ended_early_is_shown_only_if_there_is_text() -> None:
    for text, shown in (("", False), ("abc", True)):
        job = a_job(JobStatus.CANCELLED, text=text, **ENDED)
        view = job_view(Snapshot(job, -1, Pace()))
        assert (view["result"] is not None) == shown


def test_usage_is_what_the_record_says() -> None:
    used = {"prompt_tokens": 1997, "cached_tokens": 90, "cost_nano": 500_000_001}
    job = a_job(JobStatus.COMPLETED, **used, **ENDED)

    assert job_view(Snapshot(job, -1, Pace()))["usage"] == {
        "prompt_tokens": 1997,
        "completion_tokens": 3,
        "total_tokens": 2000,
        "cached_tokens": 90,
        "cost_usd": 0.500000001,
    }


def test_a_waiting_job_shows_its_place_and_when_it_should_start() -> None:
    snapshot = Snapshot(a_job(JobStatus.QUEUED), ahead=5, pace=Pace(2000, 3), start_in_ms=4000)

    assert job_view(snapshot)["queue"] == {"position": 6, "eta_seconds": 4.0}
