"""What happens to every request: its id, its log line, its metric, its size. Plain ASGI."""

import re
import time
import uuid

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import Metrics
from api.problems import BodyTooLarge, InternalError

log = structlog.get_logger()

_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_QUIET = frozenset({"/livez", "/readyz", "/metrics"})


class RequestContext:
    """Gives a request its id and its log line; nothing that fails inside gets past it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope).get("x-request-id"))
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        began = time.perf_counter()
        with (
            structlog.contextvars.bound_contextvars(request_id=request_id),
            self._metrics.inflight.track_inprogress(),
        ):
            try:
                await self._app(scope, receive, send_named)
            except Exception:
                log.exception("unexpected error")
                if not status:
                    sorry = InternalError("An unexpected error; the log has it.")
                    await sorry.response(scope["path"], request_id)(scope, receive, send_named)
            finally:
                self._note(scope, status, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.request_seconds.labels(route, method, status).observe(seconds)
        write = log.debug if scope["path"] in _QUIET else log.info
        write(
            "request",
            method=scope["method"],
            path=scope["path"],
            status=status,
            ms=round(seconds * 1000, 1),
            client=scope["client"][0] if scope.get("client") else None,
        )


class BodyLimit:
    """Refuses bodies over ``limit`` bytes, declared or streamed.

    ``exempt`` paths look after their own size: what they take is never held in memory.
    """

    def __init__(self, app: ASGIApp, limit: int, exempt: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._limit = limit
        self._exempt = exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._exempt:
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        size = int(declared) if declared.isdecimal() else 0

        async def receive_counted() -> Message:
            nonlocal size
            self._check(size)
            message = await receive()
            if not declared and message["type"] == "http.request":
                size += len(message.get("body", b""))
                self._check(size)
            return message

        await self._app(scope, receive_counted, send)

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise BodyTooLarge.about(
                "body", f"0..{self._limit} bytes", size, f"is over {self._limit} bytes"
            )


def _request_id(given: str | None) -> str:
    if given and _SANE_ID.fullmatch(given):
        return given
    return f"req_{uuid.uuid4().hex}"
