"""The same work behind other queues: a service that hands a job over and waits for its end.

The work says how many seconds it really took, and the service answers with that.
"""

import asyncio
import time
from typing import Any

from celery import Celery
from fastapi import FastAPI
from pydantic import BaseModel
from pydantic_settings import BaseSettings
from taskiq import AsyncBroker
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend


class WaySettings(BaseSettings):
    """Read from the environment by services and workers alike."""

    redis_url: str
    work_seconds: float


class Body(BaseModel):
    """What a client sends; it is handed on."""

    prompt: str


def create_celery() -> Celery:
    """Celery as its documentation has it: Redis for messages and results."""
    settings = WaySettings()
    app = Celery("way", broker=settings.redis_url, backend=settings.redis_url)

    def work(_: str) -> float:
        began = time.perf_counter()
        time.sleep(settings.work_seconds)
        return time.perf_counter() - began

    app.task(work, name="work")
    return app


def create_broker() -> AsyncBroker:
    """Taskiq over a Redis list, with results in Redis."""
    settings = WaySettings()
    results: RedisAsyncResultBackend[Any] = RedisAsyncResultBackend(settings.redis_url)
    broker = ListQueueBroker(settings.redis_url).with_result_backend(results)

    @broker.task(task_name="work")
    async def work(_: str) -> float:
        began = time.perf_counter()
        await asyncio.sleep(settings.work_seconds)
        return time.perf_counter() - began

    return broker


def create_celery_service() -> FastAPI:
    """``POST /work`` waits in a thread for Celery's result."""
    app, celery = FastAPI(), create_celery()

    @app.post("/work")
    def work(body: Body) -> float:
        answer: float = celery.tasks["work"].apply_async((body.prompt,)).get(timeout=30)
        return answer

    return app


def create_taskiq_service() -> FastAPI:
    """``POST /work`` waits for taskiq's result, which it asks for again and again."""
    broker = create_broker()
    app = FastAPI(on_startup=[broker.startup], on_shutdown=[broker.shutdown])

    @app.post("/work")
    async def work(body: Body) -> float:
        task = await broker.find_task("work").kiq(body.prompt)  # type: ignore[union-attr]
        done = await task.wait_result(check_interval=0.002, timeout=30)
        answer: float = done.return_value
        return answer

    return app
