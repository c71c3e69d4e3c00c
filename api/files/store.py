"""Where the content of files is: a directory, which several gateways may share.

Content is written at a position, so that a write that is repeated, by this gateway or by the
one that takes its place, changes nothing.
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Protocol

#: Bytes read or written in one go.
PIECE = 256 * 1024


class FileStore(Protocol):
    """Content by file id; every method may raise OSError.

    ``patience_seconds`` is how long results may be gathered before they are written: a store
    of parts wants few of them.
    """

    patience_seconds: float

    async def write(self, file_id: str, offset: int, data: bytes) -> None:
        """Put ``data`` at ``offset`` bytes; it is safe on the medium when this returns."""

    def read(self, file_id: str, start: int, stop: int) -> AsyncGenerator[bytes]:
        """The bytes from ``start`` to before ``stop``, in pieces; fewer if it has fewer, or is gone."""

    async def delete(self, file_id: str) -> None:
        """Forget the content; one that is not there is no error."""

    async def older_than(self, seconds: float, now: float) -> list[str]:
        """The files last written so many seconds before ``now`` (Unix time)."""


class LocalFiles:
    """One file a file, in a directory that only this user can read."""

    patience_seconds = 0.0

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def write(self, file_id: str, offset: int, data: bytes) -> None:
        """See FileStore."""
        await asyncio.to_thread(self._write, file_id, offset, data)

    async def read(self, file_id: str, start: int, stop: int) -> AsyncGenerator[bytes]:
        """See FileStore."""
        while start < stop:
            data = await asyncio.to_thread(self._read, file_id, start, min(PIECE, stop - start))
            if not data:
                return
            yield data
            start += len(data)

    async def delete(self, file_id: str) -> None:
        """See FileStore."""
        await asyncio.to_thread((self._directory / file_id).unlink, missing_ok=True)

    async def older_than(self, seconds: float, now: float) -> list[str]:
        """See FileStore."""
        return await asyncio.to_thread(self._older_than, now - seconds)

    def _write(self, file_id: str, offset: int, data: bytes) -> None:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._directory / file_id, os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            view = memoryview(data)
            while view:
                written = os.pwrite(handle, view, offset)
                offset, view = offset + written, view[written:]
            os.fsync(handle)
        finally:
            os.close(handle)

    def _read(self, file_id: str, start: int, size: int) -> bytes:
        try:
            with (self._directory / file_id).open("rb") as file:
                file.seek(start)
                return file.read(size)
        except FileNotFoundError:
            return b""

    def _older_than(self, moment: float) -> list[str]:
        if not self._directory.is_dir():
            return []
        return [path.name for path in self._directory.iterdir() if path.stat().st_mtime < moment]
