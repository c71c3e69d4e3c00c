"""A doorbell is exactly what Celery's own publisher would send."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from common.broker import TASK_NAME, create_celery
from common.queues import Priority
from tests.support.desk import Desk
from tests.support.processes import Process
from tests.support.stack import ROOT
from tests.support.waiting import wait_until


def published_by_celery(app: Celery, redis: Redis, job_id: str, about: str) -> dict[str, Any]:
    app.send_task(
        TASK_NAME,
        args=[job_id],
        argsrepr=about,
        task_id=job_id,
        queue=Priority.HIGH.queue,
        ignore_result=True,
    )
    message: dict[str, Any] = json.loads(str(redis.rpop(Priority.HIGH.queue)))
    return message


def without_uniques(message: dict[str, Any]) -> dict[str, Any]:
    unique = {"delivery_tag", "reply_to", "argsrepr"}
    properties = {k: v for k, v in message["properties"].items() if k not in unique}
    headers = {k: v for k, v in message["headers"].items() if k != "origin"}
    return {**message, "properties": properties, "headers": headers}


@pytest.mark.parametrize("job_id", ["j", "jo", "job", "job_01", "batch_01_17", "A-" * 32])
def test_a_doorbell_equals_a_message_from_send_task(
    redis_url: str, redis_client: Redis, job_id: str
) -> None:
    # Given the bell of a job
    Desk(redis_client).submit(job_id, priority=Priority.HIGH)
    ours = json.loads(str(redis_client.rpop(Priority.HIGH.queue)))
    about = ours["headers"]["argsrepr"]
    # When Celery sends the same through the real broker
    app = create_celery(redis_url)
    theirs = published_by_celery(app, redis_client, job_id, about)
    # Then they are equal but for the tag that must be unique, and where they come from
    assert without_uniques(ours) == without_uniques(theirs)
    # And Flower shows what it is about
    assert about == f"('generate', 'high', '{job_id}')"


def test_every_doorbell_has_a_tag_of_its_own(redis_client: Redis) -> None:
    # Given a job whose bell is lost again and again
    desk = Desk(redis_client)
    job_id = desk.submit()
    for _ in range(5):
        desk.scripts("ring", job_id)
    # Then no two bells have the same tag
    bells = [json.loads(str(bell)) for bell in redis_client.lrange("q.normal", 0, -1)]
    assert len({bell["properties"]["delivery_tag"] for bell in bells}) == 6


def test_a_stock_celery_worker_runs_the_message(
    redis_url: str, redis_client: Redis, tmp_path: Path
) -> None:
    # Given a job that the gateway's script has rung for
    job_id = Desk(redis_client).submit(priority=Priority.HIGH)
    # When a worker that is plain Celery listens
    command = [sys.executable, "-m", "celery", "-A", "tests.contract.stock_worker", "worker"]
    worker = Process(
        "stock",
        [*command, "--pool=solo", "--queues=q.high", "--without-mingle", "--without-gossip"],
        tmp_path / "log",
        {**os.environ, "REDIS_URL": redis_url, "PYTHONPATH": str(ROOT)},
    )
    try:
        # Then it runs the task with the id
        wait_until(lambda: redis_client.lrange("ran", 0, -1) == [job_id], what=worker.output())
    finally:
        worker.stop()
