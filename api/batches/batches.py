"""Submit, get, wait for, list and cancel batches: every view of a batch uses these verbs."""

import asyncio
import json
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from redis.asyncio import Redis

from api.auth import Principal
from api.batches.batch import Batch, new_batch_id
from api.batches.problems import BatchEnded, BatchNotFound, TooManyBatches
from api.capacity import StoreMemory
from api.files.files import File, Files, new_file_id
from api.files.problems import FileInUse
from api.pages import rank_after
from api.problems import StoreFull
from api.settings import ApiSettings
from api.submission import Origin, idempotency_key
from api.verdicts import Verdict, raise_refusal
from api.waiter import Hears
from api.watch import Watcher
from common import keys
from common.job import JobKind
from common.queues import Priority
from common.scripts import AsyncScripts

#: How long a batch may take.
WINDOW_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """What a batch is made of; ``digest`` is the same for requests that mean the same."""

    api: str
    endpoint: str
    kind: JobKind
    priority: Priority
    input_file: File
    digest: str
    metadata: Mapping[str, str]
    output_ttl_seconds: int = 0
    webhook: str = ""


@dataclass(frozen=True, slots=True)
class SubmittedBatch:
    """A batch that was accepted, now or (``replayed``) by an earlier request."""

    batch: Batch
    replayed: bool
    headers: dict[str, str]


class Batches:
    """The batches in Redis, as far as one user may see them."""

    def __init__(
        self,
        redis: "Redis",
        scripts: AsyncScripts,
        watcher: Watcher,
        files: Files,
        settings: ApiSettings,
    ) -> None:
        self._redis = redis
        self._scripts = scripts
        self._watcher = watcher
        self._files = files
        self._settings = settings
        self._memory = StoreMemory(redis)
        #: Set when there is something new for the feeder.
        self.news = asyncio.Event()

    async def submit(
        self, principal: Principal, origin: Origin, request: BatchRequest
    ) -> SubmittedBatch:
        """Write a batch down, as one request of its user. Raises Problem."""
        if await self._memory.is_short():
            raise StoreFull("The job store takes nothing new until results expire.", retry_after=60)
        batch_id = new_batch_id()
        fields = _record_fields(request, origin)
        answer = await self._scripts(
            *("batch_admit", batch_id, principal.user),
            idempotency_key(principal.user, f"batch {request.endpoint}", origin),
            *(request.digest, self._settings.max_batches_per_user),
            *(self._settings.rate_limit_per_minute, principal.issued_at, WINDOW_SECONDS * 1000),
            *(part for pair in fields.items() for part in pair),
        )
        verdict = Verdict(*answer)
        if verdict.word == "batches_full":
            raise TooManyBatches(
                f"You have {verdict.have} unfinished batches, and {verdict.limit} are allowed.",
                retry_after=60,
                headers=verdict.headers,
            )
        raise_refusal(verdict)
        await self._files.keep(request.input_file, WINDOW_SECONDS + 3600)
        self.news.set()
        batch = await self.get(principal.user, verdict.job_id)
        return SubmittedBatch(batch, verdict.job_id != batch_id, verdict.headers)

    async def get(self, user: str, batch_id: str) -> Batch:
        """One batch of this user. Raises BatchNotFound."""
        batch = await self.find(batch_id)
        if batch is None or batch.user != user:
            raise BatchNotFound("There is no such batch.")
        return batch

    async def find(self, batch_id: str) -> Batch | None:
        """A batch of anybody."""
        if not batch_id.startswith("batch_") or not batch_id.replace("_", "").isalnum():
            return None
        raw = cast("dict[str, str]", await self._redis.hgetall(keys.batch(batch_id)))
        return Batch.from_hash(raw) if "status" in raw else None

    async def page(
        self, user: str, limit: int, after: str | None, api: str
    ) -> tuple[list[Batch], bool]:
        """Up to ``limit`` batches of one API older than ``after``, and whether there are more.

        Raises InvalidRequest.
        """
        index = keys.user_batches(user)
        start = await rank_after(self._redis, index, after)
        found: list[Batch] = []
        while len(found) <= limit:
            ids = cast("list[str]", await self._redis.zrevrange(index, start, start + limit))
            if not ids:
                break
            pipe = self._redis.pipeline(transaction=False)
            for batch_id in ids:
                pipe.hgetall(keys.batch(batch_id))
            known = [Batch.from_hash(raw) for raw in await pipe.execute() if "status" in raw]
            found += [batch for batch in known if batch.api == api]
            start += len(ids)
        return found[:limit], len(found) > limit

    async def wait(self, user: str, batch_id: str, seconds: float) -> Batch:
        """The batch once it has ended, or as it is after so many seconds. Raises as ``get``."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        with self._watcher.watch(batch_id, Hears.MOVES) as waiter:
            while True:
                waiter.settle()
                batch = await self.get(user, batch_id)
                left = until - loop.time()
                if batch.status.terminal or left <= 0:
                    return batch
                await waiter.heard(left)

    async def cancel(self, user: str, batch_id: str) -> Batch:
        """Run no further line of it. Raises BatchEnded, and as ``get``."""
        await self.get(user, batch_id)
        answer = await self._scripts("batch_stop", batch_id, user, "cancelling", uuid.uuid4().hex)
        if answer[0] == "ended":
            raise BatchEnded.about(
                "status", "an unfinished one", answer[1], f"is already {answer[1]}"
            )
        self.news.set()
        return await self.get(user, batch_id)

    async def cancel_all(self, user: str) -> None:
        """Run no further line of any batch of this user."""
        open_ids = await self._redis.smembers(f"{keys.user_batches(user)}:open")
        for batch_id in open_ids:
            with suppress(BatchEnded, BatchNotFound):
                await self.cancel(user, str(batch_id))

    async def delete_file(self, file: File) -> None:
        """Delete a file that no batch needs any more. Raises FileInUse."""
        pipe = self._redis.pipeline(transaction=False)
        for batch_id in await self._redis.smembers(f"{keys.user_batches(file.user)}:open"):
            pipe.hmget(
                keys.batch(str(batch_id)), "input_file_id", "output_file_id", "error_file_id"
            )
        if any(file.id in used for used in await pipe.execute()):
            raise FileInUse("An unfinished batch needs the file: cancel the batch first.")
        await self._files.delete(file)


def _record_fields(request: BatchRequest, origin: Origin) -> dict[str, str | int]:
    return {
        "api": request.api,
        "kind": request.kind.value,
        "endpoint": request.endpoint,
        "priority": request.priority.value,
        "input_file_id": request.input_file.id,
        "input_bytes": request.input_file.bytes,
        "output_file_id": new_file_id(),
        "error_file_id": new_file_id(),
        "output_ttl_ms": request.output_ttl_seconds * 1000,
        "metadata": json.dumps(dict(request.metadata)),
        "request_id": origin.request_id,
        "traceparent": origin.traceparent,
        "webhook": request.webhook,
    }
