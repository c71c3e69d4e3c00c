"""The webhook worker's side of deliveries by hand, and the records that it reads."""

import json
from typing import Any

from redis import Redis

from common import keys
from common.webhooks import Delivery, JobWebhook, Try
from tests.support.desk import Desk

LEASE_MS = 20_000
LANE_LIMIT = 4
PATIENCE_MS = 5 * 86_400_000
URL = "https://example.com/hook"


class PostOffice:
    """Runs the scripts of deliveries on a real server."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.redis: Redis = desk.redis
        self.scripts = desk.scripts

    def submit(
        self, *events: str, url: str = URL, include_result: bool = False, **record: str
    ) -> str:
        """A job that reports to a URL of its own; ``record`` are further fields of it."""
        job_id = self.desk.submit()
        webhook = JobWebhook(url, events, include_result).to_json()
        fields: dict[Any, Any] = {"webhook": webhook, **record}
        self.redis.hset(keys.job(job_id), mapping=fields)
        return job_id

    def complete(self, job_id: str) -> None:
        """Run a job to its end."""
        self.desk.claim(job_id)
        self.desk.finish(job_id, 0, [1, 2, 3])

    def add_endpoint(self, name: str = "we_1", user: str = "ada", **fields: str) -> str:
        """Register an endpoint as the gateway does."""
        record: dict[Any, Any] = {
            "id": name,
            "user": user,
            "url": URL,
            "enabled": "1",
            "events": "",
            "include_result": "0",
            "secret": "sealed",
            "created_ms": "1",
            **fields,
        }
        self.redis.hset(keys.endpoint(name), mapping=record)
        self.redis.zadd(keys.user_endpoints(user), {name: 1})
        return name

    def of(self, subject: str) -> list[Delivery]:
        """The deliveries that tell of a job or batch, oldest event first."""
        ids = self.redis.zrange(keys.subject_deliveries(subject), 0, -1)
        found = [self.read(str(delivery_id)) for delivery_id in ids]
        return sorted(found, key=lambda delivery: (delivery.created_ms, delivery.event))

    def read(self, delivery_id: str) -> Delivery:
        raw = self.redis.hgetall(keys.delivery(delivery_id))
        return Delivery.from_hash({str(name): str(value) for name, value in raw.items()})

    def tries(self, delivery_id: str) -> list[Try]:
        texts = self.redis.lrange(keys.delivery_tries(delivery_id), 0, -1)
        return [Try.from_json(str(text)) for text in texts]

    def claim(self, delivery_id: str, token: str = "t1", worker: str = "w1") -> list[Any]:
        answer: list[Any] = self.scripts(
            "hook_claim", delivery_id, token, worker, LEASE_MS, LANE_LIMIT
        )
        return answer

    def done(
        self, delivery_id: str, outcome: str, token: str = "t1", delay_ms: int = 0, wish_ms: int = 0
    ) -> list[Any]:
        """Record an attempt."""
        attempt = Try(1, 1, 2, 200 if outcome == "succeeded" else 500).to_json()
        answer: list[Any] = self.scripts(
            *("hook_done", delivery_id, token, outcome, attempt, delay_ms, "why", PATIENCE_MS),
            *(LANE_LIMIT, wish_ms),
        )
        return answer

    def attempt(self, delivery_id: str, outcome: str, token: str = "t1") -> list[Any]:
        """Claim and record."""
        assert self.claim(delivery_id, token)[0] == "claimed"
        return self.done(delivery_id, outcome, token)

    def sweep(self, dead_worker: str = "") -> list[int]:
        answer: list[int] = self.scripts("hook_sweep", 500, 100, LANE_LIMIT, dead_worker)
        return answer

    def let_time_pass(self, delivery_id: str) -> None:
        """What was to be looked at later is to be looked at now."""
        self.redis.zadd(keys.HOOKS, {delivery_id: 1})

    def rung(self) -> list[str]:
        """The deliveries whose doorbells are in the queue, the next one first."""
        bells = [json.loads(str(bell)) for bell in self.redis.lrange("q.webhooks", 0, -1)]
        return [bell["headers"]["id"] for bell in reversed(bells)]

    def answer_the_bells(self) -> list[str]:
        """Empty the queue; the deliveries that were rung for."""
        rung = self.rung()
        self.redis.delete("q.webhooks")
        return rung

    def endpoint(self, name: str = "we_1") -> dict[str, str]:
        """The record of an endpoint."""
        record = self.redis.hgetall(keys.endpoint(name))
        return {str(field): str(value) for field, value in record.items()}
