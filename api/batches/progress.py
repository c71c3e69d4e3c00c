"""A batch as server-sent events: how far it is, until it has ended."""

import asyncio
import time
from collections.abc import AsyncGenerator

from redis.exceptions import RedisError

from api.batches.batch import Batch
from api.batches.batches import Batches
from api.batches.problems import BatchNotFound
from api.batches.views import batch_view, counts_view
from api.stream import KEEPALIVE, frame
from api.waiter import Hears
from api.watch import Watcher

#: Seconds between two events: a fast batch ends many lines in one.
EVERY_SECONDS = 0.25
#: An outage of the store for longer ends the stream.
OUTAGE_SECONDS = 60.0
#: Between two looks at a store that is away.
TICK_SECONDS = 1.0


async def progress_frames(
    batches: Batches, watcher: Watcher, user: str, batch_id: str, keepalive_seconds: float
) -> AsyncGenerator[bytes]:
    """``progress`` at first and when counts or status have changed, then ``done``."""
    shown, sent, seen = "", time.monotonic(), time.monotonic()
    with watcher.watch(batch_id, Hears.MOVES) as waiter:
        while True:
            waiter.settle()
            try:
                batch = await batches.get(user, batch_id)
                seen = time.monotonic()
            except RedisError:
                if time.monotonic() - seen > OUTAGE_SECONDS:
                    raise
                await asyncio.sleep(TICK_SECONDS)
                continue
            except BatchNotFound:
                return
            for one in _frames(batch, shown):
                yield one
                shown, sent = _state(batch), time.monotonic()
            if batch.status.terminal:
                return
            await asyncio.sleep(EVERY_SECONDS)
            await waiter.heard(max(0.0, sent + keepalive_seconds - time.monotonic()))
            if time.monotonic() - sent >= keepalive_seconds:
                yield KEEPALIVE
                sent = time.monotonic()


def _frames(batch: Batch, shown: str) -> list[bytes]:
    frames = []
    if _state(batch) != shown:
        progress = {"status": batch.status.shown, "request_counts": counts_view(batch)}
        frames.append(frame("progress", progress, batch.ended))
    if batch.status.terminal:
        frames.append(frame("done", batch_view(batch), batch.ended))
    return frames


def _state(batch: Batch) -> str:
    return f"{batch.status} {counts_view(batch)}"
