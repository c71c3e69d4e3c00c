"""The files of users: what is known of each is one small hash in Redis."""

import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import structlog
from redis.asyncio import Redis

from api.files.problems import FileNotFound, FilesUnavailable
from api.files.store import FileStore
from api.problems import InvalidRequest
from common import keys
from common.job import new_job_id

log = structlog.get_logger()

#: Content that nobody knows of is kept for so long: its upload may still be under way.
ORPHAN_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class File:
    """One file; times in ms since 1970."""

    id: str
    user: str
    filename: str
    purpose: str
    bytes: int
    created_ms: int
    expires_ms: int

    @classmethod
    def from_hash(cls, raw: Mapping[str, str]) -> "File":
        """From its Redis hash."""
        return cls(
            raw["id"],
            raw["user"],
            raw["filename"],
            raw["purpose"],
            int(raw["bytes"]),
            int(raw["created_ms"]),
            int(raw["expires_ms"]),
        )


def new_file_id() -> str:
    """A fresh id, sortable by time."""
    return new_job_id("file-")


class Files:
    """Creates, finds and forgets files; ``content`` has their bytes."""

    def __init__(self, redis: "Redis", content: FileStore, ttl_seconds: int) -> None:
        self._redis = redis
        self._ttl_ms = ttl_seconds * 1000
        self.content = content

    async def add(
        self,
        file_id: str,
        user: str,
        *,
        filename: str,
        purpose: str,
        size: int = 0,
        ttl_ms: int | None = None,
        listed: bool = True,
    ) -> File:
        """Know a file whose content is written, or will be."""
        now, ttl = int(time.time() * 1000), ttl_ms or self._ttl_ms
        file = File(file_id, user, filename, purpose, size, now, now + ttl)
        pipe = self._redis.pipeline()
        fields = {name: getattr(file, name) for name in File.__slots__}
        pipe.hset(keys.file(file_id), mapping=cast("Any", fields))
        pipe.pexpire(keys.file(file_id), ttl)
        pipe.zadd(keys.FILES_EXPIRY, {file_id: file.expires_ms})
        if listed:
            pipe.zadd(keys.user_files(user), {file_id: now})
        await pipe.execute()
        return file

    async def get(self, user: str, file_id: str) -> File:
        """One file of this user. Raises FileNotFound."""
        raw = cast("dict[str, str]", await self._redis.hgetall(keys.file(file_id)))
        if not raw or raw["user"] != user:
            raise FileNotFound("There is no such file.")
        return File.from_hash(raw)

    async def page(
        self, user: str, limit: int, after: str | None, purpose: str | None, *, newest: bool
    ) -> tuple[list[File], bool]:
        """Up to ``limit`` files after ``after``, and whether there are more.

        Raises InvalidRequest.
        """
        index = keys.user_files(user)
        start = await self._start(index, after, newest=newest)
        found: list[File] = []
        while len(found) <= limit:
            order = self._redis.zrevrange if newest else self._redis.zrange
            ids = cast("list[str]", await order(index, start, start + limit))
            if not ids:
                break
            pipe = self._redis.pipeline(transaction=False)
            for file_id in ids:
                pipe.hgetall(keys.file(file_id))
            known = await pipe.execute()
            gone = [file_id for file_id, raw in zip(ids, known, strict=True) if not raw]
            if gone:
                await self._redis.zrem(index, *gone)
            files = [File.from_hash(raw) for raw in known if raw]
            found += [file for file in files if purpose in (None, file.purpose)]
            start += len(files)
        return found[:limit], len(found) > limit

    async def _start(self, index: str, after: str | None, *, newest: bool) -> int:
        if after is None:
            return 0
        rank = await (self._redis.zrevrank if newest else self._redis.zrank)(index, after)
        if rank is None:
            raise InvalidRequest.about("after", "a file id", after[:100], "names no file of yours")
        return cast("int", rank) + 1

    @staticmethod
    def unavailable(error: OSError) -> FilesUnavailable:
        """The problem of a store that does not do what it should; the log has the reason."""
        log.error("files cannot be stored", error=str(error))
        return FilesUnavailable("Files cannot be stored right now; try again.", retry_after=10)

    def read(self, file: File, start: int = 0, stop: int | None = None) -> AsyncGenerator[bytes]:
        """Its bytes, as far as they were known when ``file`` was."""
        end = file.bytes if stop is None else min(stop, file.bytes)
        return self.content.read(file.id, start, end)

    async def keep(self, file: File, seconds: int) -> None:
        """Let it live for so long from now, at least."""
        until = int(time.time() + seconds) * 1000
        if file.expires_ms < until:
            pipe = self._redis.pipeline()
            pipe.hset(keys.file(file.id), "expires_ms", str(until))
            pipe.pexpireat(keys.file(file.id), until)
            pipe.zadd(keys.FILES_EXPIRY, {file.id: until})
            await pipe.execute()

    async def delete(self, file: File) -> None:
        """Forget it, then its content."""
        pipe = self._redis.pipeline()
        pipe.delete(keys.file(file.id))
        pipe.zrem(keys.user_files(file.user), file.id)
        pipe.zrem(keys.FILES_EXPIRY, file.id)
        await pipe.execute()
        await self.content.delete(file.id)

    async def sweep(self, now: float) -> None:
        """Delete the content of files that have expired or that nobody knows (Unix time)."""
        due = await self._redis.zrangebyscore(keys.FILES_EXPIRY, "-inf", now * 1000, 0, 100)
        for file_id in cast("list[str]", due):
            if not await self._redis.exists(keys.file(file_id)):
                await self.content.delete(file_id)
                await self._redis.zrem(keys.FILES_EXPIRY, file_id)
        for file_id in await self.content.older_than(ORPHAN_SECONDS, now):
            if await self._redis.zscore(keys.FILES_EXPIRY, file_id) is None:
                log.info("content that nobody knows is deleted", file_id=file_id)
                await self.content.delete(file_id)
