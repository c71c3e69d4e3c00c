"""The least that a queue with a record can do over Celery: what no promise could be cheaper than.

One script writes a hash and the message that a Celery worker picks up; the end is written and
told in one round trip, to a service that listens. No token, limit, lease, retry or clean-up.
"""

import asyncio
import base64
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from celery import Celery
from fastapi import FastAPI
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from benchmarks.way.work import Body, WaySettings

_SUBMIT = """
redis.call('HSET', 'job:' .. ARGV[1], 'prompt', ARGV[2], 'status', 'queued')
redis.call('LPUSH', 'celery', ARGV[3])
"""


def create_worker() -> Celery:
    """Threads, as ours; the end of a job is one round trip."""
    url = WaySettings().redis_url
    app, redis = Celery("floor", broker=url), Redis.from_url(url)
    app.conf.update(task_ignore_result=True)

    def work(job_id: str, seconds: float) -> None:
        began = time.perf_counter()
        time.sleep(seconds)
        worked = time.perf_counter() - began
        end = redis.pipeline()
        end.hset(f"job:{job_id}", "status", "completed")
        end.publish("ends", f"{job_id} {worked}")
        end.execute()

    app.task(work, name="work")
    return app


def create_service() -> FastAPI:
    """``POST /work`` waits until it hears of the end."""
    redis = AsyncRedis.from_url(WaySettings().redis_url, decode_responses=True)
    submit, waiting = redis.register_script(_SUBMIT), dict[str, asyncio.Future[float]]()

    async def hear() -> None:
        async with redis.pubsub() as channel:
            await channel.subscribe("ends")
            async for message in channel.listen():
                if message["type"] == "message":
                    job_id, worked = message["data"].split()
                    waiting.pop(job_id).set_result(float(worked))

    @asynccontextmanager
    async def listening(_: FastAPI) -> AsyncIterator[None]:
        ears = asyncio.create_task(hear())
        yield
        ears.cancel()

    app = FastAPI(lifespan=listening)

    @app.post("/work")
    async def work(body: Body) -> float:
        job_id = uuid.uuid4().hex
        ended: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        waiting[job_id] = ended
        await submit(args=[job_id, body.prompt, _message(job_id, body.seconds)])
        return await ended

    return app


def _message(job_id: str, seconds: float) -> str:
    """What Celery's publisher would put into its queue."""
    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    body = base64.b64encode(json.dumps([[job_id, seconds], {}, embed]).encode()).decode()
    headers = {"lang": "py", "task": "work", "id": job_id, "root_id": job_id, "retries": 0}
    properties = {
        "correlation_id": job_id,
        "delivery_tag": job_id,
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": "celery"},
        "body_encoding": "base64",
        "priority": 0,
    }
    return json.dumps(
        {
            "body": body,
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": headers,
            "properties": properties,
        }
    )


if __name__ == "__main__":
    create_worker().worker_main(
        ["worker", "--pool=threads", "--concurrency=3", "--loglevel=WARNING", "--without-gossip"]
    )
