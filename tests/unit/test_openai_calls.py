"""A call of /v1 that waits for its job while the store comes and goes."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from api.v1 import calls
from common.job import JobStatus

ENDED = SimpleNamespace(job=SimpleNamespace(id="job_1", status=JobStatus.COMPLETED))
RUNNING = SimpleNamespace(job=SimpleNamespace(id="job_1", status=JobStatus.IN_PROGRESS))


class Jobs:
    """Answers what a test wants, one after the other; errors are raised."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)

    async def wait(self, *_: object) -> Any:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def outlast(*answers: Any) -> Any:
    state: Any = SimpleNamespace(jobs=Jobs(*answers))
    job: Any = SimpleNamespace(user="ada", id="job_1")
    return asyncio.run(calls._outlast(state, job))


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "RECHECK_SECONDS", 0.0)


def test_a_call_waits_for_longer_than_one_wait() -> None:
    assert outlast(RUNNING, RUNNING, ENDED) is ENDED.job


def test_a_call_waits_through_a_short_outage() -> None:
    assert outlast(RedisConnectionError("away"), ENDED) is ENDED.job


def test_a_call_gives_up_when_the_store_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "OUTAGE_SECONDS", 0.0)

    with pytest.raises(RedisConnectionError):
        outlast(RedisConnectionError("away"), ENDED)
