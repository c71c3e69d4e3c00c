"""The same work behind other queues: a service that hands a job over and waits for its end.

The work says how many seconds it really took, and the service answers with that. All services
run under the same uvicorn, on databases of the same server, and keep their results there.
"""

import asyncio
import time
from typing import Annotated, Any

from celery import Celery
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings
from redis import Redis
from taskiq import AsyncBroker
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend

from benchmarks.gateway.peers import user_of

#: Requests of a user in a minute, of the service that counts them; more than a run has.
MOST_A_MINUTE = 1_000_000


class WaySettings(BaseSettings):
    """Read from the environment by services and workers alike."""

    redis_url: str
    jwt_secret: str = ""


class Body(BaseModel):
    """What a client sends; it is handed on."""

    prompt: str
    seconds: float


class LimitedBody(Body):
    """The same within limits."""

    prompt: str = Field(min_length=1, max_length=100_000)
    max_tokens: int = Field(200, ge=1, le=4096)


def create_celery() -> Celery:
    """Celery as its documentation has it: Redis for messages and results."""
    url = WaySettings().redis_url
    app = Celery("way", broker=url, backend=url)

    def work(_: str, seconds: float) -> float:
        began = time.perf_counter()
        time.sleep(seconds)
        return time.perf_counter() - began

    app.task(work, name="work")
    return app


def create_careful_celery() -> Celery:
    """Celery by the settings that lose no job with a worker, and show that one has begun."""
    app = create_celery()
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_track_started=True,
        worker_prefetch_multiplier=1,
    )
    return app


def create_broker() -> AsyncBroker:
    """Taskiq over a Redis list, with results in Redis."""
    url = WaySettings().redis_url
    results: RedisAsyncResultBackend[Any] = RedisAsyncResultBackend(url)
    broker = ListQueueBroker(url).with_result_backend(results)

    @broker.task(task_name="work")
    async def work(_: str, seconds: float) -> float:
        began = time.perf_counter()
        await asyncio.sleep(seconds)
        return time.perf_counter() - began

    return broker


def create_celery_service() -> FastAPI:
    """``POST /work`` waits in a thread for Celery's result."""
    app, celery = FastAPI(), create_celery()

    @app.post("/work")
    def work(body: Body) -> float:
        return _result_of(celery, body)

    return app


def create_careful_celery_service() -> FastAPI:
    """The same for known users, each of whom may ask only so often."""
    settings = WaySettings()
    app, celery = FastAPI(), create_careful_celery()
    user, redis = user_of(settings.jwt_secret), Redis.from_url(settings.redis_url)

    @app.post("/work")
    def work(body: LimitedBody, sub: Annotated[str, Depends(user)]) -> float:
        if _asked(redis, sub) > MOST_A_MINUTE:
            raise HTTPException(429)
        return _result_of(celery, body)

    return app


def create_taskiq_service() -> FastAPI:
    """``POST /work`` waits for taskiq's result, which it asks for again and again."""
    broker = create_broker()
    app = FastAPI(on_startup=[broker.startup], on_shutdown=[broker.shutdown])

    @app.post("/work")
    async def work(body: Body) -> float:
        task = await broker.find_task("work").kiq(body.prompt, body.seconds)  # type: ignore[union-attr]
        done = await task.wait_result(check_interval=0.002, timeout=30)
        answer: float = done.return_value
        return answer

    return app


def _result_of(celery: Celery, body: Body) -> float:
    answer: float = celery.tasks["work"].apply_async((body.prompt, body.seconds)).get(timeout=30)
    return answer


def _asked(redis: "Redis", user: str) -> int:
    """How often a user has asked in this minute."""
    key = f"rate:{user}:{int(time.time() // 60)}"
    counting = redis.pipeline()
    counting.incr(key)
    counting.expire(key, 60)
    return int(counting.execute()[0])
