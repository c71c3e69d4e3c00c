"""What an upstream's refusal means for the job and for the worker."""

import json
from collections.abc import Mapping
from typing import Any

from worker.engines.base import EngineBusy, EngineError, ModelUnavailable, RequestRefused

#: How long to wait where the upstream does not say.
BUSY_SECONDS = 2.0
#: Of what an upstream says, this much is repeated.
SHOWN_CHARACTERS = 300


def refusal(status: int, body: bytes, headers: Mapping[str, str]) -> EngineError:
    """The error for an answer that is not 2xx.

    429 is load; 401 and 403 are this worker's key; other 4xx are the request's own fault;
    the rest is the upstream's.
    """
    said = f"the upstream answered {status}: {_message(body)}"
    if status == 429:  # noqa: PLR2004
        return EngineBusy(said, _seconds(headers.get("retry-after", "")))
    if status in (401, 403):
        return ModelUnavailable(f"{said} (is UPSTREAM_API_KEY right?)")
    if status in (408, 409, 425) or status >= 500 or status < 400:  # noqa: PLR2004
        return EngineError(said)
    return RequestRefused(said)


def broken_stream(error: Any) -> EngineError:
    """The error for one that came in the middle of a stream."""
    return EngineError(f"the upstream broke off: {_shown(error)}")


def _message(body: bytes) -> str:
    try:
        answer = json.loads(body)
    except (RecursionError, ValueError):
        return body.decode("utf-8", "replace").strip()[:SHOWN_CHARACTERS] or "nothing"
    return _shown(answer.get("error", answer) if isinstance(answer, dict) else answer)


def _shown(error: Any) -> str:
    if isinstance(error, dict):
        error = error.get("message") or error.get("detail") or error
    return str(error)[:SHOWN_CHARACTERS]


def _seconds(retry_after: str) -> float:
    """Retry-After in seconds; a date is not understood and counts as none."""
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        return BUSY_SECONDS
