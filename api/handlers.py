"""Turns whatever was raised into a problem: the one place where errors become answers."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ReadOnlyError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.faults import field_errors
from api.identity.audit import audit
from api.leaving import ClientLeft
from api.problems import (
    BadRequest,
    Forbidden,
    InternalError,
    InvalidCredentials,
    InvalidJson,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    Problem,
    RateLimited,
    RedisUnavailable,
    StoreFull,
    Unauthorized,
    UnsupportedMediaType,
)
from api.state import state_of
from api.store import refuses_writes
from api.v1.problems import InvalidParameter


def install_handlers(app: FastAPI) -> None:
    """Make every error of the app a problem."""
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)


async def answer_error(request: Request, error: Exception) -> Response:
    """The answer to an error outside of the app; raises it again where there is none."""
    for kind in type(error).__mro__:
        if kind in _HANDLERS:
            return await _HANDLERS[kind](request, error)
    raise error


def problem_response(request: Request, problem: Problem) -> Response:
    """The answer, counted where metrics want it."""
    if isinstance(problem, InvalidRequest) and request.url.path.startswith("/v1/"):
        problem = InvalidParameter.like(problem)
    count = state_of(request).metrics.problems
    count.happened(problem.code)
    if isinstance(problem, RateLimited):
        count.limited(getattr(problem, "limit", "requests"))
    elif isinstance(problem, Forbidden):
        who = getattr(request.state, "principal", None)
        audit("denied", who.user if who else "", method=request.method, path=request.url.path[:200])
    elif isinstance(problem, (Unauthorized, InvalidCredentials)):
        count.unknown("login" if isinstance(problem, InvalidCredentials) else "token")
    return problem.response(request.url.path, request.state.request_id)


async def _http_exception(request: Request, error: Any) -> Response:
    return problem_response(request, _as_problem(request, error))


def _as_problem(request: Request, error: HTTPException) -> Problem:
    """Ours as it is; the framework's own under their names here."""
    if isinstance(error, Problem):
        return error
    path = request.url.path
    if error.status_code == HTTPStatus.NOT_FOUND:
        return NotFound(f"There is nothing at {path}.")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return MethodNotAllowed(
            f"{request.method} is not offered at {path}.", headers=error.headers
        )
    if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return BadRequest(error.detail or "The request cannot be read.")
    return InternalError("An unexpected error.")


async def _invalid(request: Request, error: Any) -> Response:
    return problem_response(request, _as_refusal(request, error.errors(), error.body))


def _as_refusal(request: Request, errors: list[Mapping[str, Any]], body: Any) -> Problem:
    first = errors[0]
    if first["type"] == "json_invalid":
        where = f" at character {first['loc'][-1]}" if first["loc"] else ""
        return InvalidJson(f"The body is not JSON: {first['ctx']['error']}{where}.")
    if isinstance(body, bytes) and body:
        given = request.headers.get("content-type", "nothing")
        return UnsupportedMediaType(
            f"The body came as {given}; send it as Content-Type: application/json."
        )
    shown = field_errors(errors)
    said = "; ".join(f"{item['field']} {item['message']}" for item in shown)
    return InvalidRequest(said if said.endswith("?") else f"{said}.", errors=shown)


async def _redis_away(request: Request, _: Any) -> Response:
    problem = RedisUnavailable(
        "The job store does not answer. Nothing is lost; try again.", retry_after=2
    )
    return problem_response(request, problem)


async def _redis_full(request: Request, _: Any) -> Response:
    problem = StoreFull("The job store takes nothing new until results expire.", retry_after=60)
    return problem_response(request, problem)


async def _redis_refused(request: Request, error: ResponseError) -> Response:
    if not refuses_writes(error):
        raise error
    problem = RedisUnavailable(
        "The job store takes no writes now: its disk or replicas fail. Nothing is lost.",
        retry_after=10,
    )
    return problem_response(request, problem)


async def _nobody_reads(_: Request, __: Any) -> Response:
    return Response(status_code=499)


_HANDLERS: Mapping[type[Any], Callable[[Request, Any], Awaitable[Response]]] = {
    HTTPException: _http_exception,
    RequestValidationError: _invalid,
    RedisConnectionError: _redis_away,
    RedisTimeoutError: _redis_away,
    ReadOnlyError: _redis_away,
    OutOfMemoryError: _redis_full,
    ResponseError: _redis_refused,
    ClientLeft: _nobody_reads,
}
