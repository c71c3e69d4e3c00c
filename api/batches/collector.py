"""Writes results into the output files, each once.

Results stand in the order in which they ended, which Redis keeps, and each is a function of
a record that no longer changes. So the bytes at a position are always the same, and a
gateway that repeats what another one had begun writes the same bytes at the same place.
"""

import time
from dataclasses import dataclass, field
from typing import Any, cast

from redis.asyncio import Redis

from api.batches.batch import Batch, BatchStatus
from api.batches.endpoints import ENDPOINTS
from api.batches.results import erased_result, is_success, job_result, rendered, skipped_result
from api.files.files import Files
from common import keys
from common.scripts import AsyncScripts

#: Results written in one go.
PIECE = 200
_ENDING = (BatchStatus.FINALIZING, BatchStatus.CANCELLING, BatchStatus.EXPIRING)


@dataclass(slots=True)
class Collector:
    """Takes what has ended from Redis to the files."""

    redis: "Redis"
    scripts: AsyncScripts
    files: Files
    result_ttl_ms: int
    _next: dict[str, float] = field(default_factory=dict)  #: batch -> when to write again

    async def collect(self, batch: Batch, token: str) -> int:
        """Write up to PIECE results; how many. Raises OSError and redis.RedisError."""
        index = keys.batch_ended(batch.id)
        entries = cast("list[str]", await self.redis.lrange(index, 0, PIECE - 1))
        ending = batch.status in _ENDING and batch.written + len(entries) == batch.total
        if not (ending or self._is_time(batch, len(entries))):
            return 0
        good, bad = await self._render(batch, entries)
        output = await self._write(batch, batch.output_file_id, batch.output_bytes, good)
        errors = await self._write(batch, batch.error_file_id, batch.error_bytes, bad)
        await self.scripts(
            *("batch_commit", batch.id, token, batch.written, len(entries)),
            *(output, errors, self.result_ttl_ms),
        )
        return len(entries)

    def _is_time(self, batch: Batch, results: int) -> bool:
        """Whether results are written now, or gathered for a while in a store of parts."""
        now, patience = time.monotonic(), self.files.content.patience_seconds
        if results == 0 or (results < PIECE and now < self._next.get(batch.id, 0.0)):
            return False
        self._next = {known: at for known, at in self._next.items() if at > now}
        self._next[batch.id] = now + patience
        return True

    async def _render(self, batch: Batch, entries: list[str]) -> tuple[bytes, bytes]:
        pipe = self.redis.pipeline(transaction=False)
        for line in (entry for entry in entries if entry.isdecimal()):
            pipe.hgetall(keys.job(f"{batch.id}_{line}"))
        records = iter(await pipe.execute())
        results = [self._result(batch, entry, records) for entry in entries]
        good = b"".join(rendered(one) for one in results if is_success(one))
        bad = b"".join(rendered(one) for one in results if not is_success(one))
        return good, bad

    @staticmethod
    def _result(batch: Batch, entry: str, records: Any) -> dict[str, Any]:
        if not entry.isdecimal():
            return skipped_result(batch.id, entry)
        record = next(records)
        if "status" not in record:
            return erased_result(batch.id, entry)
        return job_result(ENDPOINTS[batch.endpoint], record)

    async def _write(self, batch: Batch, file_id: str, offset: int, data: bytes) -> int:
        """The file's new size."""
        if not data:
            return offset
        if not offset:
            kind = "output" if file_id == batch.output_file_id else "error"
            await self.files.add(
                file_id,
                batch.user,
                filename=f"{batch.id}_{kind}.jsonl",
                purpose="batch_output",
                ttl_ms=batch.output_ttl_ms or None,
            )
        await self.files.content.write(file_id, offset, data)
        return offset + len(data)
