"""What a receiver answered."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, whatever its status; ``body`` is as much of it as the read limit allowed."""

    status: int
    duration_seconds: float
    body: bytes
    retry_after_seconds: float | None = None


def retry_after(headers: Sequence[tuple[bytes, bytes]]) -> float | None:
    """Seconds to wait as the receiver wishes (RFC 9110, 10.2.3); None where it says nothing."""
    named = {name.lower(): value for name, value in headers}
    value = named.get(b"retry-after", b"").decode("latin-1").strip()
    if value.isascii() and value.isdecimal():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
