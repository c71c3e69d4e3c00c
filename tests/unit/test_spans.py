"""What the next attempt tells of one whose worker died."""

from dataclasses import replace

import pytest

from common.job import Job, JobKind, JobStatus, Work
from common.prompt import Prompt
from common.queues import Priority
from common.sampling import Sampling
from worker.spans import lost_attempt

JOB = Job(
    id="job_1",
    user="ada",
    kind=JobKind.GENERATE,
    priority=Priority.NORMAL,
    status=JobStatus.IN_PROGRESS,
    work=Work(Prompt(text="hi"), Sampling()),
    created_ms=1,
    enqueued_ms=1,
)


@pytest.mark.parametrize(
    ("trail", "lost"),
    [
        ("", None),
        ("start|1000|w1;", None),
        ("start|1000|w1;back|2500|worker_lost;start|3000|w2;", (1.0, 2.5)),
        ("start|1000|w1;back|2500|released;start|3000|w2;", None),
        (
            "start|1|w1;back|2|worker_lost;start|1000|w2;back|2000|engine_error;start|3000|w3;",
            None,
        ),
    ],
)
def test_only_the_attempt_before_is_told_and_only_if_its_worker_died(
    trail: str, lost: tuple[float, float] | None
) -> None:
    assert lost_attempt(replace(JOB, trail=trail)) == lost
