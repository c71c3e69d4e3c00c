"""Content in an S3-compatible store: a file is its parts, each named by where it begins.

Objects cannot be appended to, and an upload is larger than memory should hold; parts serve
both. A part is created once and never replaced: who writes the same bytes again, after a
crash or beside another gateway, finds them there.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from obstore.store import S3Store

#: Parts fetched at once.
AT_ONCE = 8


class S3Files:
    """Parts under ``url`` (``s3://bucket/prefix``); keys and endpoint by the usual AWS_*."""

    patience_seconds = 5.0

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened: S3Store | None = None

    async def write(self, file_id: str, offset: int, data: bytes) -> None:
        """See FileStore."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        while data:
            path = f"{file_id}/{offset:015d}"
            try:
                await obstore.put_async(self._store, path, data, mode="create")
            except AlreadyExistsError:
                there = (await obstore.head_async(self._store, path))["size"]
                offset, data = offset + there, data[there:]
            except Exception as error:
                raise _as_os_error(error) from error
            else:
                return

    async def read(self, file_id: str, start: int, stop: int) -> AsyncGenerator[bytes]:
        """See FileStore."""
        needed = [
            (offset, size)
            for offset, size in await self._parts(file_id)
            if offset < stop and offset + size > start
        ]
        position = start
        for first in range(0, len(needed), AT_ONCE):
            group = needed[first : first + AT_ONCE]
            fetched = await asyncio.gather(*(self._fetch(file_id, offset) for offset, _ in group))
            for (offset, _), content in zip(group, fetched, strict=True):
                piece = content[max(0, position - offset) : stop - offset]
                if piece and offset <= position:
                    yield piece
                    position += len(piece)

    async def delete(self, file_id: str) -> None:
        """See FileStore."""
        import obstore

        paths = [f"{file_id}/{offset:015d}" for offset, _ in await self._parts(file_id)]
        if paths:
            await obstore.delete_async(self._store, paths)

    async def older_than(self, seconds: float, now: float) -> list[str]:
        """See FileStore."""
        newest: dict[str, float] = {}
        async for part in self._list(None):
            file_id, moment = str(part["path"]).partition("/")[0], part["last_modified"]
            newest[file_id] = max(newest.get(file_id, 0.0), moment.timestamp())
        return [file_id for file_id, moment in newest.items() if moment < now - seconds]

    async def _parts(self, file_id: str) -> list[tuple[int, int]]:
        """Where each part begins, and its size, in order."""
        parts = [part async for part in self._list(f"{file_id}/")]
        return sorted((int(part["path"].rpartition("/")[2]), part["size"]) for part in parts)

    async def _list(self, prefix: str | None) -> AsyncGenerator[Any]:
        import obstore

        async for page in obstore.list(self._store, prefix):
            for part in page:
                yield part

    async def _fetch(self, file_id: str, offset: int) -> bytes:
        import obstore

        found = await obstore.get_async(self._store, f"{file_id}/{offset:015d}")
        return bytes(await found.bytes_async())

    @property
    def _store(self) -> "S3Store":
        if self._opened is None:
            from obstore.store import from_url

            self._opened = cast("S3Store", from_url(self._url))
        return self._opened


def _as_os_error(error: Exception) -> Exception:
    """What the store says, as callers of a FileStore expect it."""
    from obstore.exceptions import BaseError

    return OSError(str(error)) if isinstance(error, BaseError) else error
