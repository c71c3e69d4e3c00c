"""A batch by hand: what the gateway's feeder does to it, call by call."""

import json
from typing import Any

from redis import Redis

from common.job import Work
from common.prompt import Prompt
from common.sampling import Sampling
from tests.support.desk import HOUR_MS, Desk

BATCH = "batch_01"
FEEDER = "feeder"
DAY_MS = 24 * HOUR_MS


class Pen:
    """One batch of the user ada, and a desk that runs its lines."""

    def __init__(self, redis: Redis) -> None:
        self.desk = Desk(redis)
        self.redis = redis
        self.desk.rescue()
        self.scripts = self.desk.scripts
        assert self.scripts("batch_lease", FEEDER, 60_000) == 1

    def admit(self, batch: str = BATCH, **changes: Any) -> list[Any]:
        given: dict[str, Any] = {
            "user": "ada",
            "idempotency": "",
            "digest": "d",
            "limit": 10,
            "rate": 1000,
        }
        given |= changes
        fields = ("kind", "generate", "api", "", "endpoint", "/generate", "priority", "low")
        files = ("input_file_id", "i", "output_file_id", "o", "error_file_id", "e")
        answer: list[Any] = self.scripts(
            *("batch_admit", batch, given["user"], given["idempotency"], given["digest"]),
            *(given["limit"], given["rate"], 0, DAY_MS, *fields, *files),
        )
        return answer

    def begin(self, lines: int, before: int = 0, piece: int = 1000) -> int:
        return int(self.scripts("batch_begin", BATCH, FEEDER, lines, before, piece))

    def feed(self, first: int, lines: list[str], token: str = FEEDER) -> list[Any]:
        end = 100 * (first + len(lines))
        answer: list[Any] = self.scripts("batch_feed", BATCH, token, first, end, *lines)
        return answer

    def job(self, line: int, result_ttl_ms: int = HOUR_MS) -> str:
        work = Work(Prompt(text="hello "), Sampling()).to_json()
        fields = ["v", 1, "kind", "generate", "work", work, "prompt_tokens", 6]
        fields += ["timeout_ms", 60_000, "result_ttl_ms", result_ttl_ms, "custom_id", f"c{line}"]
        return json.dumps(
            {
                "priority": "low",
                "queue_ttl_ms": DAY_MS,
                "deadline_ms": 0,
                "fields": [str(field) for field in fields],
            }
        )

    def refused(self) -> str:
        work = Work(Prompt(text=""), Sampling()).to_json()
        fields = ["v", "1", "kind", "generate", "work", work, "result_ttl_ms", str(HOUR_MS)]
        return json.dumps({"fields": fields, "error_code": "bad", "error_message": "It is bad."})

    def skipped(self, line: int) -> str:
        entry = json.dumps([line, f"c{line}", "batch_cancelled"])
        return json.dumps({"entry": entry, "counter": "cancelled"})

    def run(self, line: int) -> None:
        job_id = f"{BATCH}_{line}"
        assert self.desk.claim(job_id, f"t{line}")[0] == "claimed"
        assert self.desk.finish(job_id, 0, [1, 2], f"t{line}")[0] == "ok"

    def commit(self, before: int, count: int, token: str = FEEDER) -> str:
        return str(self.scripts("batch_commit", BATCH, token, before, count, 10, 0, HOUR_MS))

    def stop(self, word: str = "cancelling", nonce: str = "n") -> list[Any]:
        answer: list[Any] = self.scripts("batch_stop", BATCH, "ada", word, nonce)
        return answer

    def batch(self) -> dict[str, str]:
        return {str(k): str(v) for k, v in self.redis.hgetall(f"batch:{BATCH}").items()}

    def counts(self) -> tuple[int, int, int]:
        batch = self.batch()
        completed, failed, cancelled = (
            int(batch.get(name, 0)) for name in ("completed", "failed", "cancelled")
        )
        return completed, failed, cancelled

    def snapshot(self) -> dict[str, Any]:
        """Everything that a repeated call could have doubled."""
        redis = self.redis
        return {
            "batch": {k: v for k, v in self.batch().items() if k != "revision"},
            "backlog": redis.zcard("batch:backlog"),
            "waiting": redis.zcard("wait:low"),
            "bells": redis.llen("q.low"),
            "ended": redis.lrange(f"batch:{BATCH}:ended", 0, -1),
            "open": redis.smembers(f"batch:{BATCH}:open"),
        }
