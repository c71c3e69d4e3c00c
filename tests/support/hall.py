"""Workers by hand: they answer the bells in the queue in order, and end jobs when told to."""

import uuid
from typing import Any

from redis import Redis

from common.queues import Priority
from tests.support.desk import Desk


class Hall:
    """So many slots; what runs in them is in ``running``, oldest first."""

    def __init__(self, redis: Redis, slots: int = 3) -> None:
        self.desk = Desk(redis)
        self.redis = redis
        self.slots = slots
        self.running: list[tuple[str, str]] = []
        self.started: list[str] = []
        self.desk.rescue()
        self.desk.scripts("beat", "w", 15000, 60, 0, "state", "ready", "slots", slots)

    def submit(self, user: str, count: int = 1, *, tokens: int = 200, **more: Any) -> list[str]:
        """Jobs of a user that may use so many tokens; the test's engine uses them all."""
        weight = tokens + 6  # the desk's prompts have six
        return [self.desk.submit(user=user, weight=weight, **more) for _ in range(count)]

    def start(self) -> list[str]:
        """Answer bells while slots are free; the users of the jobs that started."""
        users = []
        while len(self.running) < self.slots:
            job_id = self.next_bell()
            if job_id is None:
                break
            token = uuid.uuid4().hex
            if self.desk.claim(job_id, token)[0] == "claimed":
                self.running.append((job_id, token))
                users.append(self.desk.read(job_id).user)
        self.started += users
        return users

    def next_bell(self) -> str | None:
        """Take the next bell off the queues, by priority."""
        for priority in Priority:
            rung = self.desk.rung(priority)
            if rung:
                self.redis.rpop(priority.queue)
                return rung[0]
        return None

    def end(self, tokens: int | None = None) -> str:
        """Let the job that has run longest use all its tokens, or so many; its user."""
        job_id, token = self.running.pop(0)
        if tokens is None:
            tokens = int(self.redis.hget(f"job:{job_id}", "weight") or 206) - 6
        assert self.desk.finish(job_id, 0, list(range(tokens)), token)[0] == "ok"
        return self.desk.read(job_id).user

    def serve(self, starts: int) -> list[str]:
        """Go on until so many more jobs have started; their users in order."""
        users = self.start()
        while len(users) < starts and self.running:
            self.end()
            users += self.start()
        return users[:starts]

    def end_of(self, job_id: str) -> None:
        """End this job."""
        self.running.sort(key=lambda job: job[0] != job_id)
        self.end()

    def give_back(self, job_id: str) -> None:
        """Do as the worker of this job was asked."""
        token = dict(self.running)[job_id]
        self.running.remove((job_id, token))
        assert self.desk.release(job_id, token) == ["ok", 0]

    def user_of(self, job_id: str) -> str:
        return str(self.redis.hget(f"job:{job_id}", "user"))
