"""A short way for the requests that come most often: jobs to submit.

FastAPI's way of finding a route and solving its dependencies costs more than all that a submit
needs. Here a body that is plainly good and a caller are read at once, and the route's own
function is called with them. Whatever is not plainly good, FastAPI gets as it came: it says what
is wrong. A token's holder is not looked up first; the submit script does that, and a request
that is refused before it is asked about here: who has no say hears that and nothing else.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.deps import Caller, origin, prefer_wait
from api.handlers import answer_error
from api.identity.roles import Scope as Right
from api.problems import Problem
from api.state import State

#: Larger bodies would hold up the event loop twice, should they be bad.
MOST_BYTES = 65_536

_JSON = "application/json"
_BEARER = "bearer "

#: A route's own function: body, request, state, caller.
Endpoint = Callable[[Any, Request, State, Caller], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Lane:
    """A route that may be taken the short way, by bodies of this model."""

    route: APIRoute
    model: type[BaseModel]

    @classmethod
    def of(cls, router: APIRouter, model: type[BaseModel]) -> "Lane":
        """The one route of ``router``; no first request waits for its model's validator."""
        model.model_rebuild()
        (route,) = (one for one in router.routes if isinstance(one, APIRoute))
        return cls(route, model)

    @property
    def endpoint(self) -> Endpoint:
        """The route's own function."""
        return self.route.endpoint


class Express:
    """ASGI middleware before FastAPI's router; ``lanes`` are POST routes by their paths."""

    def __init__(self, app: ASGIApp, state: State, lanes: Mapping[str, Lane]) -> None:
        self._app = app
        self._state = state
        self._lanes = lanes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        lane = self._lanes.get(scope["path"]) if scope["type"] == "http" else None
        if lane is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope["route"], request = lane.route, Request(scope, receive)
        try:
            received = await _all_of(receive)
            token = _token(request)
            if token and _length(received) > MOST_BYTES:
                self._state.bearers.claimed(token)  # a stranger's is not read at all
            body = _body(request, lane.model, received) if token else None
            if body is None or token is None:
                await self._app(scope, _again(received, receive), send)
                return
            response = await self._answer(request, lane, body, token)
        except Exception as error:  # noqa: BLE001 - raised again where it is no answer
            response = await answer_error(request, error)
        await response(scope, receive, send)

    async def _answer(self, request: Request, lane: Lane, body: BaseModel, token: str) -> Response:
        headers, bearers = request.headers, self._state.bearers
        who = bearers.claimed(token) or await bearers.read(token)
        request.state.principal = who  # for the vigil over long answers
        try:
            if not who.claimed:
                who.require(Right.WRITE)
            caller = Caller(
                who,
                await origin(request, headers.get("idempotency-key")),
                await prefer_wait(headers.getlist("prefer")),
            )
            return await lane.endpoint(body, request, self._state, caller)
        except Problem:
            if who.claimed:
                (await bearers.read(token)).require(Right.WRITE)
            raise


async def _all_of(receive: Receive) -> list[Message]:
    """The messages of the body; the last may say that the client has left."""
    received = [await receive()]
    while received[-1].get("more_body"):
        received.append(await receive())
    return received


def _length(received: list[Message]) -> int:
    return sum(len(one.get("body", b"")) for one in received)


def _again(received: list[Message], receive: Receive) -> Receive:
    """Receives the same once more, then what else comes."""
    messages = iter(received)

    async def once_more() -> Message:
        return next(messages, None) or await receive()

    return once_more


def _body(request: Request, model: type[BaseModel], received: list[Message]) -> BaseModel | None:
    """The body; None where it is anything but a good one."""
    kind = request.headers.get("content-type", "")
    if kind != _JSON and not kind.startswith(f"{_JSON};"):
        return None
    if _length(received) > MOST_BYTES:
        return None
    try:
        return model.model_validate_json(b"".join(one.get("body", b"") for one in received))
    except ValidationError:
        return None


def _token(request: Request) -> str | None:
    """What stands after ``Bearer``."""
    given = request.headers.get("authorization", "")
    if given[: len(_BEARER)].lower() != _BEARER:
        return None
    return given[len(_BEARER) :].strip() or None
