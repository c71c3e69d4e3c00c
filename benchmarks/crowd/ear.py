"""``python -m benchmarks.crowd.ear``: a bare subscriber, in a process of its own.

It says when each event was published, as nobody but Redis stands before it.
"""

import json
import sys
import time
from pathlib import Path

from redis import Redis

from common.events import Chunk, parse_message
from common.keys import EVENTS_CHANNEL

#: What the parent publishes when nothing more is to come.
GOODBYE = "goodbye"


def main(url: str, out: Path) -> None:
    """Listen until the goodbye, then write ``{"chunks": {job: {offset: when}}, "ends": ...}``."""
    chunks: dict[str, dict[int, float]] = {}
    ends: dict[str, float] = {}
    with Redis.from_url(url, decode_responses=True).pubsub() as channel:
        channel.subscribe(EVENTS_CHANNEL)
        for message in channel.listen():
            now = time.monotonic()
            if message["data"] == GOODBYE:
                break
            if message["type"] != "message":
                continue
            for event in parse_message(message["data"]):
                if isinstance(event, Chunk):
                    chunks.setdefault(event.job_id, {})[event.after] = now
                elif event.status.terminal:
                    ends[event.job_id] = now
    out.write_text(json.dumps({"chunks": chunks, "ends": ends}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
