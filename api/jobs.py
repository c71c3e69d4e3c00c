"""Submit, get, wait for, list and cancel jobs: every route is a view of these verbs."""

import asyncio
import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, cast

import structlog
from redis.asyncio import Redis

from api.capacity import StoreMemory
from api.floods import Floods
from api.guard.screen import Screen
from api.problems import JobEnded, JobNotFinished, JobNotFound, StoreFull
from api.reads import Seen, SharedReads
from api.served import Serving
from api.settings import ApiSettings
from api.submission import Submission, check_timeout, submit_arguments
from api.traces import submitted
from api.verdicts import Verdict, raise_refusal
from api.views import Snapshot
from api.waiter import Hears, Waiter
from api.watch import Watcher
from api.webhooks.destination import check_destination
from common import keys
from common.events import Chunk, StateChange, parse_entry
from common.logs import SPEECH
from common.scripts import AsyncScripts
from common.tracing import Tracing

log = structlog.get_logger()

_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job that was accepted, now or (``replayed``) by an earlier request."""

    snapshot: Snapshot
    replayed: bool
    headers: dict[str, str]


class Jobs:
    """The jobs in Redis, as far as one user may see them."""

    def __init__(
        self,
        redis: "Redis",
        scripts: AsyncScripts,
        watcher: Watcher,
        settings: ApiSettings,
        serving: Serving,
        screen: Screen,
        tracing: Tracing,
    ) -> None:
        self._redis = redis
        self._scripts = scripts
        self._reads = SharedReads(scripts)
        self._watcher = watcher
        self._settings = settings
        self._serving = serving
        self._screen = screen
        self._tracing = tracing
        self._memory = StoreMemory(redis)
        self._log = log.bind()  # made once: a lazy one is made anew for every line
        self.floods = Floods()

    async def submit(self, submission: Submission) -> Submitted:
        """Write a job down and ring for it, in one round trip. Raises Problem."""
        await self.check(submission)
        if await self._memory.is_short():
            raise StoreFull("The job store takes nothing new until results expire.", retry_after=60)
        known_id, job_id = submission.job_id is not None, submission.id
        with submitted(self._tracing, submission, job_id) as told:
            arguments = submit_arguments(told, job_id, self._settings)
            verdict = Verdict(*await self._scripts("submit", *arguments))
        user = submission.principal.user
        self.floods.note(user, verdict)
        raise_refusal(verdict)
        self._log.info(SPEECH, job_id=verdict.job_id, prompt=submission.prompt.plain_text)
        if verdict.created_ms:
            snapshot = Snapshot.created(told, verdict)
        else:
            snapshot = _owned(await self._scripts("read", verdict.job_id), user)
        return Submitted(
            snapshot,
            verdict.job_id != job_id or (known_id and verdict.word == "replayed"),
            verdict.headers,
        )

    async def check(self, submission: Submission) -> None:
        """What may be wrong with a job by itself, a line of a batch too. Raises Problem."""
        check_timeout(submission.request, self._settings)
        check_destination("webhook_url", submission.request.webhook_url, self._settings)
        await self._serving.check(submission.request)
        await self._screen.check(submission)

    async def get(self, user: str, job_id: str) -> Snapshot:
        """One job of this user. Raises JobNotFound, JobGone."""
        _check_id(job_id)
        return _owned(await self._scripts("read", job_id), user)

    async def get_many(self, user: str, job_ids: Sequence[str]) -> list[Snapshot]:
        """Those of the jobs that are still there, in one round trip."""
        if not job_ids:
            return []
        seen = await self._scripts.pipeline([("read", (job_id,)) for job_id in job_ids])
        return [_owned(one, user) for one in seen if one[0]]

    @contextmanager
    def expecting(self, job_id: str) -> Iterator[Waiter]:
        """An ear on a job that is not there yet: it need not look whether the job has ended."""
        with self._watcher.watch(job_id, Hears.ENDS) as waiter:
            waiter.settle()
            yield waiter

    async def wait(
        self, user: str, job_id: str, seconds: float, ear: Waiter | None = None
    ) -> Snapshot:
        """The job once it has ended, or as it is after so many seconds. Raises as ``get``.

        ``ear`` has listened to the job since before it was there.
        """
        _check_id(job_id)
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        with nullcontext(ear) if ear else self._watcher.watch(job_id, Hears.ENDS) as waiter:
            while True:
                left = until - loop.time()
                if waiter.stale or left <= 0:
                    waiter.settle()
                    seen = await self._reads.read(job_id)
                    snapshot = seen.by(user)
                    if snapshot.job.status.terminal or left <= 0:
                        return snapshot
                    del seen, snapshot  # thousands may wait here for long
                for event in await waiter.heard(left):
                    if isinstance(event, StateChange) and event.record:
                        return Seen(Snapshot.told(event.record), "").by(user)
                    waiter.spoil()

    async def follow(self, job_id: str) -> None:
        """Have the job's tokens told as they come, from now on. Raises redis.RedisError."""
        await self._scripts("follow", job_id)

    async def read_after(self, user: str, job_id: str, offset: int) -> tuple[Snapshot, list[Chunk]]:
        """The job, and while it runs the chunks after its first ``offset`` tokens."""
        snapshot = (await self._reads.read(job_id)).by(user)
        if snapshot.job.status.terminal or snapshot.job.tokens <= offset:
            return snapshot, []
        entries = await self._redis.xrange(keys.events(job_id), min=str(offset + 1))
        read = cast("list[tuple[str, dict[str, str]]]", entries)
        return snapshot, [_chunk_after(job_id, name, fields, offset) for name, fields in read]

    async def cancel(self, user: str, job_id: str, nonce: str = "") -> Snapshot:
        """End an unfinished job; the job as it then is. Raises JobEnded, and as ``get``.

        The same ``nonce`` ends it once and has the same answer again.
        """
        _check_id(job_id)
        answer, seen = await self._scripts.pipeline(
            [("cancel", (job_id, user, nonce or uuid.uuid4().hex)), ("read", (job_id,))]
        )
        snapshot = _owned(seen, user)
        if answer[0] == "ended":
            raise JobEnded.about(
                "status", "queued, in_progress", answer[1], f"is already {answer[1]}"
            )
        return snapshot

    async def cancel_all(self, user: str) -> None:
        """End every unfinished job of this user."""
        for job_id in await cast("Any", self._redis.smembers(keys.user_active(user))):
            await self._scripts("cancel", job_id, user, uuid.uuid4().hex)

    async def erase(self, user: str, job_id: str) -> None:
        """Forget an ended job and its text, now or before. Raises JobNotFound, JobNotFinished."""
        _check_id(job_id)
        answer, *status = await self._scripts("erase", job_id, user)
        if answer == "unfinished":
            raise JobNotFinished.about(
                "status", "an ended one", status[0], f"is {status[0]}: cancel the job first"
            )
        if answer == "unknown":
            raise JobNotFound("There is no such job.")


def _check_id(job_id: str) -> None:
    """A malformed id is an unknown one, and never a key in Redis."""
    if not _JOB_ID.fullmatch(job_id):
        raise JobNotFound("There is no such job.")


def _owned(seen: list[Any], user: str) -> Snapshot:
    """What read.lua saw, if it may be seen by ``user``."""
    return Seen.of(seen).by(user)


def _chunk_after(job_id: str, entry_id: str, fields: dict[str, str], offset: int) -> Chunk:
    """An entry of a job's stream, without what belongs to its first ``offset`` tokens."""
    chunk = parse_entry(job_id, entry_id, fields)
    return chunk.without(offset - chunk.offset)
