"""The one place that every prompt passes before it is submitted, whatever view it came by."""

import asyncio
from typing import Any, Self, cast

import structlog
from prometheus_client import Counter
from redis.asyncio import Redis

from api.guard.classifier import load_classifier
from api.guard.guard import Guard, Level, Verdict
from api.guard.policy import Policies, Policy
from api.guard.problems import PromptRefused
from api.guard.speech import Speech, recorded_speech, speech
from api.submission import Submission
from common import keys
from common.job import Job

log = structlog.get_logger()

#: Checking more characters than this would hold up the event loop.
LONG_SPEECH = 3000


class Screen:
    """Checks what users say, and refuses it where the policy wants that.

    A user's own policy (``prompt_guard`` of the record) wins over the route's.
    """

    def __init__(self, redis: "Redis", guard: Guard, policies: Policies, counter: Counter) -> None:
        self._redis = redis
        self._guard = guard
        self._policies = policies
        self._counter = counter

    @classmethod
    def load(cls, redis: "Redis", policies: Policies, counter: Counter) -> Self:
        """With the committed classifier."""
        return cls(redis, Guard(load_classifier()), policies, counter)

    async def check(self, submission: Submission) -> None:
        """Raises PromptRefused, redis.RedisError."""
        await self._check(speech(submission), submission.principal.user)

    async def check_again(self, job: Job) -> None:
        """A job that is to run once more, by the rules of today. Raises as ``check``."""
        await self._check(recorded_speech(job), job.user)

    async def _check(self, said: Speech, user: str) -> None:
        policy = self._policies.of(said.route)
        if policy is Policy.OFF and await self._own(user) in (None, Policy.OFF):
            return
        verdict = await self._verdict(said)
        if verdict.reason is not None:
            policy = await self._own(user) or policy
        if policy is Policy.OFF:
            return
        self._count(verdict)
        refused = policy is Policy.BLOCK and verdict.level is Level.BLOCK
        if verdict.reason is not None:
            _note(verdict, route=said.route, user=user, refused=refused)
        if verdict.reason is not None and refused:
            raise PromptRefused.because(verdict.reason, said.field)

    async def _verdict(self, said: Speech) -> Verdict:
        if said.length > LONG_SPEECH:
            return await asyncio.to_thread(self._guard.check_all, said.texts)
        return self._guard.check_all(said.texts)

    async def _own(self, user: str) -> Policy | None:
        stored = await cast("Any", self._redis.hget(keys.user(user), "prompt_guard"))
        return Policy.known(stored)

    def _count(self, verdict: Verdict) -> None:
        for rule in verdict.rules or ("none",):
            self._counter.labels(verdict.level.value, rule).inc()


def _note(verdict: Verdict, **about: Any) -> None:
    """Into the log, less what was said."""
    found = {"verdict": verdict.level.value, "score": verdict.score, "rules": verdict.rules}
    log.warning("the prompt guard found something", **found, **about)
