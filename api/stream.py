"""A job as server-sent events of the native API.

Every event's id is the number of tokens that came before it, stored or sent.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import lru_cache
from typing import Any

from api.follow import Ended, Follower, Lost, Moved, Told
from api.views import job_view, queue_view, usage_view
from common.events import Chunk

#: One line, no blank line after it: the OpenAI SDK's decoder, having once seen an ``id:``,
#: would make an event without data of a comment that ends a block.
KEEPALIVE = b": ka\n"


def frame(event: str, data: Any, offset: int) -> bytes:
    """One event; its data is ASCII, since many clients split lines at U+2028 as well."""
    text = json.dumps(data, separators=(",", ":"))
    return f"id: {offset}\nevent: {event}\ndata: {text}\n\n".encode()


@lru_cache(maxsize=256)
def token_frame(chunk: Chunk) -> bytes:
    """A chunk's event, made once for all who read the same job."""
    data = f'{{"text":{json.dumps(chunk.text)},"tokens":{chunk.tokens}}}'
    return f"id: {chunk.after}\nevent: token\ndata: {data}\n\n".encode()


async def job_frames(follower: Follower) -> AsyncGenerator[bytes]:
    """``status``, ``token``, ``usage`` and ``done``, with keep-alives in between."""
    async with aclosing(follower.events()) as events:
        async for told in events:
            for one in _frames(told, follower.offset):
                yield one
            del told  # it holds the job, and the next may be long in coming


def _frames(told: Told, offset: int) -> list[bytes]:
    match told:
        case Chunk():
            return [token_frame(told)] if told.text else []
        case Moved(snapshot, known):
            status = {"status": snapshot.job.status.value, "queue": queue_view(snapshot)}
            return [frame("status", status, known)]
        case Ended(snapshot):
            job = snapshot.job
            return [
                frame("usage", usage_view(job), job.tokens),
                frame("done", job_view(snapshot), job.tokens),
            ]
        case Lost(code, message):
            return [frame("error", {"code": code, "message": message}, offset)]
    return [KEEPALIVE]
