"""The tree of problems."""

import json
from collections.abc import Iterator

import pytest

from api import problems
from api.problems import (
    InternalError,
    InvalidRequest,
    JobEnded,
    JobNotFound,
    Problem,
    QueueFull,
    Unauthorized,
)
from api.v1.problems import Cancelled, GenerationFailed, GenerationLate


def tree(kind: type[Problem] = Problem) -> Iterator[type[Problem]]:
    for child in kind.__subclasses__():
        yield child
        yield from tree(child)


KINDS = sorted(tree(), key=lambda kind: (kind.status, kind.code))
#: Other packages' kinds are here only if they are imported.
OWN = [kind for kind in KINDS if kind.__module__ == problems.__name__]


def test_every_problem_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in KINDS]

    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("kind", OWN, ids=lambda kind: kind.__name__)
def test_the_docstring_draws_every_problem_under_its_status(kind: type[Problem]) -> None:
    if kind is problems.Unavailable:
        return  # the trunk of its branch
    drawn = problems.__doc__ or ""
    line = next(line for line in drawn.splitlines() if kind.__name__ in line.replace(",", " "))

    assert f"{kind.status} " in line[: line.index(kind.__name__)]


def test_a_problem_is_rfc_9457_and_readable_by_the_openai_sdk() -> None:
    body = JobNotFound("There is no such job.").body("/jobs/x", "req_1")

    assert body == {
        "type": "urn:caravan:problem:job-not-found",
        "title": "No such job",
        "status": 404,
        "detail": "There is no such job.",
        "instance": "/jobs/x",
        "request_id": "req_1",
        "error": {
            "message": "There is no such job.",
            "type": "invalid_request_error",
            "param": None,
            "code": "job-not-found",
        },
    }


def test_the_first_field_at_fault_is_the_sdks_param() -> None:
    errors = [{"field": "max_tokens", "limit": "1..4096", "value": 0, "message": "is too small"}]
    body = InvalidRequest("max_tokens is too small.", errors=errors).body("/generate", "r")

    assert (body["error"]["param"], body["errors"]) == ("max_tokens", errors)


@pytest.mark.parametrize(("seconds", "header"), [(0.2, "1"), (1, "1"), (1.01, "2"), (59.5, "60")])
def test_retry_after_is_in_whole_seconds_and_never_early(seconds: float, header: str) -> None:
    headers = QueueFull("Full.", retry_after=seconds).headers or {}

    assert headers["Retry-After"] == header
    assert headers["retry-after-ms"] == str(round(seconds * 1000))


def test_a_client_is_told_not_to_retry_what_cannot_change() -> None:
    for kind in (JobEnded, Cancelled, GenerationFailed, GenerationLate):
        assert (kind("No.").headers or {})["x-should-retry"] == "false"
    for other in (InvalidRequest, QueueFull, InternalError):
        assert "x-should-retry" not in (other("No.").headers or {})


@pytest.mark.parametrize(("seconds", "told"), [(60, None), (61, "false")])
def test_a_client_is_told_not_to_retry_what_takes_long(seconds: int, told: str | None) -> None:
    headers = QueueFull("Full.", retry_after=seconds).headers or {}

    assert headers.get("x-should-retry") == told


def test_a_missing_token_is_challenged_without_blame() -> None:
    missing, bad = Unauthorized("Send one."), Unauthorized("Expired.", error="invalid_token")

    assert missing.headers == {"WWW-Authenticate": "Bearer"}
    assert bad.headers == {
        "WWW-Authenticate": 'Bearer error="invalid_token", error_description="Expired."'
    }


def test_a_problem_can_quote_what_is_no_text() -> None:
    response = JobNotFound("No \ud800.").response("/jobs/\udfff", "req_1")

    assert json.loads(bytes(response.body))["detail"] == "No \ud800."
