"""A doorbell is exactly what Celery's own publisher would send."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from celery import Celery
from redis import Redis

from common.broker import TASK_NAME, Doorbells, create_celery
from common.queues import Priority
from tests.support.desk import Desk
from tests.support.processes import Process
from tests.support.stack import ROOT
from tests.support.waiting import wait_until


def published_by_celery(app: Celery, redis: Redis, job_id: str) -> dict[str, Any]:
    app.send_task(
        TASK_NAME, args=[job_id], task_id=job_id, queue=Priority.HIGH.queue, ignore_result=True
    )
    message: dict[str, Any] = json.loads(str(redis.rpop(Priority.HIGH.queue)))
    return message


def without_uniques(message: dict[str, Any]) -> dict[str, Any]:
    properties = {k: v for k, v in message["properties"].items() if k != "delivery_tag"}
    return {**message, "properties": properties}


def test_a_doorbell_equals_a_message_from_send_task(redis_url: str, redis_client: Redis) -> None:
    # Given a message that Celery sent through the real broker
    app = create_celery(redis_url)
    theirs = published_by_celery(app, redis_client, "job_1")
    # When we render one for the same job
    ours = json.loads(Doorbells(app).render("job_1", Priority.HIGH))
    # Then they are equal but for the tag that must be unique
    assert without_uniques(ours) == without_uniques(theirs)


def test_every_doorbell_has_a_tag_of_its_own() -> None:
    doorbells = Doorbells(create_celery("redis://unused"))
    tags = {
        json.loads(doorbells.render("job_1", Priority.LOW))["properties"]["delivery_tag"]
        for _ in range(10)
    }
    assert len(tags) == 10


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
        wait_until(lambda: redis_client.lrange("ran", 0, -1) == [job_id], 30, worker.output())
    finally:
        worker.stop()
