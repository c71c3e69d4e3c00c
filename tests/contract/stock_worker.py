"""A Celery worker that knows nothing of Caravan but the task's name."""

import os

from celery import Celery
from redis import Redis

from common.broker import TASK_NAME

app = Celery("stranger", broker=os.environ["REDIS_URL"])


@app.task(name=TASK_NAME)
def generate(job_id: str) -> None:
    Redis.from_url(os.environ["REDIS_URL"]).rpush("ran", job_id)
