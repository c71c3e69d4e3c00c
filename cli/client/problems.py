"""Refusals of the gateway (RFC 9457) as faults of a command."""

from http import HTTPStatus
from typing import Any

import httpx

from cli.faults import Failed, Fault, Misused, NotAllowed, Refused

_KINDS: dict[int, type[Fault]] = {
    HTTPStatus.BAD_REQUEST: Misused,
    HTTPStatus.UNAUTHORIZED: NotAllowed,
    HTTPStatus.PAYMENT_REQUIRED: Refused,
    HTTPStatus.FORBIDDEN: NotAllowed,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Misused,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: Misused,
    HTTPStatus.UNPROCESSABLE_ENTITY: Misused,
    HTTPStatus.TOO_MANY_REQUESTS: Refused,
    HTTPStatus.SERVICE_UNAVAILABLE: Refused,
}

_HINTS = {
    "unauthorized": "Log in with `caravan login`, or set CARAVAN_TOKEN or CARAVAN_API_KEY.",
    "job-not-found": "`caravan jobs` lists yours.",
    "job-gone": "Results are kept for RESULT_TTL_SECONDS, or a job's --keep-result.",
    "model-unavailable": "`caravan status` shows the workers, `caravan doctor` what ails them.",
    "queue-full": "Urgent jobs may fill more of the queue than low ones: --priority.",
}


def fault_of(answer: httpx.Response) -> Fault:
    """What an answer with an error status means to whoever typed the command."""
    problem = _problem(answer)
    code = str(problem.get("error", {}).get("code") or "")
    message = problem.get("detail") or f"The gateway answered {answer.status_code}."
    return _KINDS.get(answer.status_code, Failed)(
        message,
        code=code,
        hint=_HINTS.get(code, ""),
        request_id=str(problem.get("request_id") or answer.headers.get("x-request-id", "")),
        fields=problem.get("errors") or (),
        retry_after_seconds=_retry_after(answer),
    )


def _problem(answer: httpx.Response) -> dict[str, Any]:
    """The body; {} where something else than our gateway answered."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) and isinstance(body.get("error"), dict) else {}


def _retry_after(answer: httpx.Response) -> float | None:
    try:
        return float(answer.headers["retry-after"])
    except (KeyError, ValueError):
        return None
