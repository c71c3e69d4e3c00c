"""How long the steps of a job take; recorded, with no time asserted.

`pytest tests/performance --benchmark-only` prints the table.
"""

from pytest_benchmark.fixture import BenchmarkFixture
from redis import Redis

from common.queues import Priority
from tests.support.desk import Desk
from tests.support.stack import Stack


def test_submitting_a_job(benchmark: BenchmarkFixture, redis_client: Redis) -> None:
    desk = Desk(redis_client)

    job_id = benchmark(desk.submit)

    assert redis_client.zscore(Priority.NORMAL.waiting, job_id)


def test_a_job_from_request_to_answer(benchmark: BenchmarkFixture, echo_stack: Stack) -> None:
    # Given a client that waits for its answer
    body = {"prompt": "The future of AI is", "max_tokens": 8}
    headers = {"Prefer": "wait=30"}

    # When it asks, the job goes through gateway, queue and worker
    with echo_stack.login() as client:
        answer = benchmark(client.post, "/generate", json=body, headers=headers)

    # Then the answer is there
    assert answer.json()["status"] == "completed"
