"""The baseline: a stock Celery worker with ``acks_late``, and a task that notes what it does."""

import os
import time

from celery import Celery
from redis import Redis

STARTED, ENDED = "started", "ended"
#: As long as the usual job of the kill scenario.
SECONDS = 0.12


def create_app(url: str, visibility_timeout: int) -> Celery:
    """Celery's own answer to dying workers; 0 leaves its default visibility timeout."""
    app = Celery("stock", broker=url, set_as_current=False)
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        broker_connection_retry_on_startup=True,
    )
    if visibility_timeout:
        app.conf.broker_transport_options = {
            "visibility_timeout": visibility_timeout,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
        }
    return app


def register(app: Celery, redis: Redis) -> None:
    """Give ``app`` the task: it takes its time, and tells when it started and ended."""

    def work(job_id: str) -> None:
        redis.rpush(STARTED, f"{job_id} {os.getppid()} {time.time()}")
        time.sleep(SECONDS)
        redis.rpush(ENDED, job_id)

    app.task(work, name="work")
