"""Moves batches on: one gateway at a time, from wherever the last one stopped.

All that it knows is in Redis: a batch's status says what is to be done, its cursors where to
go on. Every step is one script that checks this gateway's lease and the cursor, so a gateway
that was killed, or one that was asleep and still believes it feeds, does no harm.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.batches.batch import Batch, BatchStatus
from api.batches.batches import Batches
from api.batches.collector import Collector
from api.batches.feeding import SKIPPED, LineMaker, skipped
from api.batches.lines import Line, read_lines
from api.batches.opening import Opener
from api.batches.room import TICK_MS, Courtesy, Seen, room
from api.files.files import Files
from api.problems import ModelUnavailable
from api.settings import ApiSettings
from common import keys
from common.scripts import AsyncScripts

log = structlog.get_logger()

#: For so long after its last step nobody takes a gateway's place.
LEASE_MS = 5000
#: Seconds between two looks for batches while there is none, and after a failure.
IDLE_SECONDS = 1.0
#: Seconds between two looks for files that have expired.
SWEEP_SECONDS = 60.0
#: Lines of a stopped batch written down in one go.
SKIPPED_AT_ONCE = 300


class Feeder:
    """One gateway's part in feeding; ``run`` is a task of its own."""

    def __init__(
        self,
        redis: "Redis",
        scripts: AsyncScripts,
        batches: Batches,
        files: Files,
        maker: LineMaker,
        settings: ApiSettings,
    ) -> None:
        self._redis = redis
        self._scripts = scripts
        self._batches = batches
        self._files = files
        self._maker = maker
        self._settings = settings
        self._token = uuid.uuid4().hex
        self._opener = Opener(scripts, files, settings, self._token)
        self._collector = Collector(redis, scripts, files, settings.result_ttl_seconds * 1000)
        self._courtesy = Courtesy(settings.preemption)
        self._sweep_at = time.monotonic()

    async def run(self) -> None:
        """Feed until cancelled, through outages of Redis and of the model."""
        try:
            while True:
                busy = False
                try:
                    busy = await self.round()
                except (RedisError, OSError, ModelUnavailable) as error:
                    log.warning("batches stand still", error=str(error))
                except Exception:  # every batch lives by this loop
                    log.exception("batches stand still")
                await self._rest(TICK_MS / 1000 if busy else IDLE_SECONDS)
        finally:
            await self._opener.stop()
            await self._leave()

    async def round(self) -> bool:
        """Move every batch on by a step; whether there is any. Raises as its parts do."""
        ids = cast("list[str]", await self._redis.zrange(keys.BATCHES, 0, -1))
        must_sweep = time.monotonic() > self._sweep_at
        if not (ids or must_sweep):
            return False
        if not await self._scripts("batch_lease", self._token, LEASE_MS):
            return False
        if must_sweep:
            self._sweep_at = time.monotonic() + SWEEP_SECONDS
            await self._files.sweep(time.time())
        found = [await self._batches.find(batch_id) for batch_id in ids]
        unfinished = [batch for batch in found if batch is not None]
        for batch in unfinished:
            await self._alone(self._step, batch)
        feeding = [one for one in unfinished if one.fed < one.total]
        await self._feed([one for one in feeding if one.status is BatchStatus.IN_PROGRESS])
        return bool(unfinished)

    async def _alone(self, step: Callable[[Batch], Awaitable[int]], batch: Batch) -> int:
        """What ``step`` answers; a batch that it fails on holds up no other."""
        try:
            return await step(batch)
        except (RedisError, ModelUnavailable):
            raise
        except Exception:
            log.exception("a batch stands still", batch_id=batch.id)
            return 0

    async def _step(self, batch: Batch) -> int:
        """Everything but feeding; how many lines or results were moved."""
        moved = await self._collector.collect(batch, self._token)
        await self._expire(batch)
        if batch.status is BatchStatus.VALIDATING:
            self._opener.open(batch)
        elif batch.status in SKIPPED and batch.fed < batch.total:
            moved += await self._skip(batch)
        return moved

    async def _feed(self, batches: list[Batch]) -> None:
        """Share the room among the batches, however many lines each has."""
        if not batches:
            return
        seen = Seen(*await self._scripts("batch_room"))
        now = time.monotonic()
        spare = self._courtesy.spare(seen, now)
        free = room(seen, self._settings.max_queue_size, spare)
        if free:
            self._courtesy.entered(now)
        for index, batch in enumerate(batches):
            share = -(-free // (len(batches) - index))
            free -= await self._alone(partial(self._enter, count=share), batch)

    async def _enter(self, batch: Batch, count: int) -> int:
        """Put up to ``count`` lines in the queue; how many."""
        if count <= 0:
            return 0
        lines = await self._lines(batch, count)
        now = int(time.time() * 1000)
        made = [await self._maker.make(batch, line, now) for line in lines]
        await self._move_on(batch, lines, made)
        return len(lines)

    async def _skip(self, batch: Batch) -> int:
        """Write down some lines of a stopped batch that never were jobs."""
        lines = await self._lines(batch, SKIPPED_AT_ONCE)
        made = [
            skipped(batch.status, batch.fed + index, line, batch.endpoint)
            for index, line in enumerate(lines)
        ]
        await self._move_on(batch, lines, made)
        return len(lines)

    async def _move_on(self, batch: Batch, lines: list[Line], made: list[str]) -> None:
        if made:
            await self._scripts(
                "batch_feed", batch.id, self._token, batch.fed, lines[-1].end, *made
            )

    async def _lines(self, batch: Batch, count: int) -> list[Line]:
        """The next lines. Those that somebody took from the file are empty, and so refused."""
        lines: list[Line] = []
        wanted = min(count, batch.total - batch.fed)
        reading = read_lines(
            *(self._files.content, batch.input_file_id, batch.offset, batch.input_bytes),
            self._settings.max_body_bytes,
        )
        async for line in reading:
            lines.append(line)
            if len(lines) == wanted:
                break
        return lines + [Line(b"", 0, batch.input_bytes)] * (wanted - len(lines))

    async def _expire(self, batch: Batch) -> None:
        waits = batch.status in (BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS)
        if waits and batch.expires_ms <= time.time() * 1000:
            await self._scripts("batch_stop", batch.id, "", "expiring", uuid.uuid4().hex)

    async def _rest(self, seconds: float) -> None:
        self._batches.news.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._batches.news.wait()
        except TimeoutError:
            pass

    async def _leave(self) -> None:
        """Let another gateway go on at once."""
        try:
            await self._scripts("batch_lease", self._token, 1)
        except RedisError as error:
            log.info("the lease runs out by itself", error=str(error))
