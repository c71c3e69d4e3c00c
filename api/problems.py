"""Everything that a client may be told went wrong: one tree, one body.

Problem
├── 400 BadRequest, InvalidJson, NotSupported
├── 401 Unauthorized, InvalidCredentials
├── 402 BudgetExceeded
├── 403 Forbidden
├── 404 NotFound, JobNotFound, UserNotFound
├── 405 MethodNotAllowed
├── 409 JobEnded, JobNotFinished, NoResult, NameTaken, NotYourself
├── 410 JobGone
├── 413 BodyTooLarge                 415 UnsupportedMediaType
├── 422 InvalidRequest, KeyReused, IdReused, PromptRefused
├── 429 RateLimited, TooManyJobs
├── 500 InternalError
└── 503 RedisUnavailable, StoreFull, QueueFull, DeadlineUnmeetable, ModelUnavailable

``api/v1``, ``api/files`` and other packages add their own branches.
The body is RFC 9457's, with a member ``error`` as the OpenAI SDK reads it.
"""

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Self

from fastapi import HTTPException
from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"
#: The OpenAI SDK would sleep, or ask again too early, for a ``Retry-After`` beyond this.
LONGEST_RETRY_SECONDS = 60


class Problem(HTTPException):
    """A refusal: ``detail`` is its own sentence, ``errors`` name the fields at fault."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Something went wrong here"
    kind: ClassVar[str] = "invalid_request_error"
    final: ClassVar[bool] = False  #: asking again, as the OpenAI SDK does by itself, is no use

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        shown = dict(headers or {})
        if retry_after is not None:
            shown["Retry-After"] = str(max(1, math.ceil(retry_after)))
            shown["retry-after-ms"] = str(max(1, math.ceil(retry_after * 1000)))
        conflict = self.status == HTTPStatus.CONFLICT
        if self.final or conflict or (retry_after or 0) > LONGEST_RETRY_SECONDS:
            shown["x-should-retry"] = "false"
        super().__init__(self.status, detail, shown)
        self.errors = errors

    @classmethod
    def about(cls, field: str, limit: str, value: Any, message: str) -> Self:
        """The refusal of one field; ``message`` goes on where its name ends."""
        error = {"field": field, "limit": limit, "value": value, "message": message}
        return cls(f"{field} {message}.", errors=[error])

    def response(self, instance: str, request_id: str) -> JSONResponse:
        """The answer to a request for the path ``instance``."""
        return _ProblemResponse(self.body(instance, request_id), self.status_code, self.headers)

    def body(self, instance: str, request_id: str) -> dict[str, Any]:
        """The members of the answer."""
        body: dict[str, Any] = {
            "type": f"urn:caravan:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "request_id": request_id,
            "error": {
                "message": self.detail,
                "type": self.kind,
                "param": self.errors[0]["field"] if self.errors else None,
                "code": self.code,
            },
        }
        if self.errors:
            body["errors"] = list(self.errors)
        return body


class _ProblemResponse(JSONResponse):
    """In ASCII: what it quotes may be no text at all."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode()


class BadRequest(Problem):
    status, code, title = 400, "bad-request", "The request cannot be read"


class InvalidJson(Problem):
    status, code, title = 400, "invalid-json", "The body is not JSON"


class NotSupported(Problem):
    status, code, title = 400, "not-supported", "No worker here can do this"


class Unauthorized(Problem):
    status, code, title = 401, "unauthorized", "A valid access token is needed"
    kind = "authentication_error"

    def __init__(self, detail: str, *, error: str | None = None) -> None:
        challenge = f'Bearer error="{error}", error_description="{detail}"' if error else "Bearer"
        super().__init__(detail, headers={"WWW-Authenticate": challenge})


class InvalidCredentials(Problem):
    status, code, title = 401, "invalid-credentials", "Wrong user name or password"
    kind = "authentication_error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class BudgetExceeded(Problem):
    status, code, title = 402, "budget-exceeded", "This month's budget is spent"
    kind = "insufficient_quota"


class Forbidden(Problem):
    status, code, title = 403, "forbidden", "This is not yours to do"
    kind = "permission_error"


class NotFound(Problem):
    status, code, title = 404, "not-found", "There is nothing here"


class JobNotFound(Problem):
    status, code, title = 404, "job-not-found", "No such job"


class UserNotFound(Problem):
    status, code, title = 404, "user-not-found", "No such user"


class MethodNotAllowed(Problem):
    status, code, title = 405, "method-not-allowed", "This method is not offered here"


class JobEnded(Problem):
    status, code, title = 409, "job-ended", "The job has already ended"


class JobNotFinished(Problem):
    status, code, title = 409, "job-not-finished", "The job has not ended yet"


class NoResult(Problem):
    status, code, title = 409, "no-result", "The job ended without a result"


class NameTaken(Problem):
    status, code, title = 409, "name-taken", "The name is not free"


class NotYourself(Problem):
    status, code, title = 409, "not-yourself", "Another administrator must do this"


class JobGone(Problem):
    status, code, title = 410, "job-gone", "The job has expired and was deleted"


class BodyTooLarge(Problem):
    status, code, title = 413, "body-too-large", "The body is too large"


class UnsupportedMediaType(Problem):
    status, code, title = 415, "unsupported-media-type", "The body must be JSON"


class InvalidRequest(Problem):
    status, code, title = 422, "invalid-request", "The request has invalid fields"


class KeyReused(Problem):
    status, code, title = 422, "idempotency-key-reuse", "The key was used for another body"


class IdReused(Problem):
    status, code, title = 422, "job-id-reuse", "The id stands for another job"


class RateLimited(Problem):
    status, code, title = 429, "rate-limited", "Too many requests"
    kind = "rate_limit_error"
    limit = "requests"  #: which limit, in one word, for the metrics

    def __init__(self, detail: str, *, limit: str = "", **how: Any) -> None:
        super().__init__(detail, **how)
        self.limit = limit or self.limit


class TooManyJobs(Problem):
    status, code, title = 429, "too-many-jobs", "Too many unfinished jobs"
    kind = "rate_limit_error"


class InternalError(Problem):
    kind = "server_error"


class Unavailable(Problem):
    """Nothing is wrong with the request: ask again after ``Retry-After`` seconds."""

    status, code, title = 503, "unavailable", "Not available right now"
    kind = "server_error"


class RedisUnavailable(Unavailable):
    code, title = "redis-unavailable", "The job store cannot be reached"


class StoreFull(Unavailable):
    code, title = "store-full", "The job store is out of memory"


class QueueFull(Unavailable):
    code, title = "queue-full", "The queue is full"


class DeadlineUnmeetable(Unavailable):
    code, title = "deadline-unmeetable", "The deadline cannot be met"


class ModelUnavailable(Unavailable):
    code, title = "model-unavailable", "The model is not available"
