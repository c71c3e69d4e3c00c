"""Server-sent events as the SDK reads them.

None has an ``id:``: after one, the SDK's decoder takes a comment for an event without data.
"""

import json
from typing import Any

from api.views import Snapshot, queue_view

DONE = b"data: [DONE]\n\n"


def data_frame(data: Any) -> bytes:
    """An event without a name."""
    return f"data: {_dumped(data)}\n\n".encode()


def named_frame(event: dict[str, Any]) -> bytes:
    """An event under its type."""
    return f"event: {event['type']}\ndata: {_dumped(event)}\n\n".encode()


def place_comment(snapshot: Snapshot) -> bytes:
    """The place in the queue as a comment: one line, no blank line after it."""
    return f": queue {_dumped(queue_view(snapshot))}\n".encode()


def place_headers(snapshot: Snapshot) -> dict[str, str]:
    """The place in the queue when the stream began."""
    queue = queue_view(snapshot)
    if queue is None:
        return {}
    headers = {"x-queue-position": str(queue["position"])}
    if queue["eta_seconds"] is not None:
        headers["x-queue-eta-seconds"] = str(queue["eta_seconds"])
    return headers


def _dumped(data: Any) -> str:
    """In ASCII, since many clients split lines at U+2028 as well."""
    return json.dumps(data, separators=(",", ":"))
