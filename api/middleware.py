"""What happens to every request: its id, its log line, its metric, its size. Plain ASGI."""

import os
import re
import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import Metrics
from api.nesting import deeper_than, more_values_than, openings
from api.problems import BodyTooLarge, InternalError, InvalidJson
from api.traces import answered, request_span
from common.tracing import Span, Tracing

log = structlog.get_logger()

_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_QUIET = frozenset({"/livez", "/readyz", "/metrics"})
_FILES = ("/console/", "/docs/assets/")
_LONGEST_PATH = 200
#: So many entries any body may have; beyond that one for each so many bytes of MAX_BODY_BYTES.
FEW_ENTRIES, BYTES_AN_ENTRY = 50_000, 10


class RequestContext:
    """Gives a request its id and its log line; nothing that fails inside gets past it."""

    def __init__(self, app: ASGIApp, metrics: Metrics, tracing: Tracing) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing
        self._log = log.bind()  # made once: a lazy one is made anew for every line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers.get("x-request-id"))
        scope.setdefault("state", {})["request_id"] = request_id
        client = scope["client"][0] if scope.get("client") else None
        status = bytes_out = 0

        async def send_named(message: Message) -> None:
            nonlocal status, bytes_out
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            else:
                bytes_out += len(message.get("body", b""))
            await send(message)

        began = time.perf_counter()
        with (
            structlog.contextvars.bound_contextvars(request_id=request_id, client=client),
            self._metrics.inflight.track_inprogress(),
            request_span(self._tracing, scope, headers) as span,
        ):
            scope["state"]["traceparent"] = span.traceparent
            try:
                await self._app(scope, receive, send_named)
            except Exception:
                log.exception("unexpected error")
                if not status:
                    sorry = InternalError("An unexpected error; the log has it.")
                    await sorry.response(scope["path"], request_id)(scope, receive, send_named)
            finally:
                self._note(scope, span, status, bytes_out, time.perf_counter() - began)

    def _note(self, scope: Scope, span: Span, status: int, bytes_out: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.answered(route, method, status, seconds)
        answered(span, scope, method, route, status)
        who = scope["state"].get("principal")
        quiet = scope["path"] in _QUIET or scope["path"].startswith(_FILES)
        write = self._log.debug if quiet else self._log.info
        write(
            "request",
            method=scope["method"],
            route=route,
            path=scope["path"][:_LONGEST_PATH],
            status=status,
            duration_ms=round(seconds * 1000, 1),
            user=who.user if who else None,
            bytes_in=scope["state"].get("bytes_in", 0),
            bytes_out=bytes_out,
        )


class BodyLimit:
    """Refuses bodies over ``limit`` bytes, declared or streamed, and JSON over ``deepest`` levels.

    Nor may JSON have very many entries for its size: it would hold up the event loop to read it.
    ``exempt`` paths look after their own size: what they take is never held in memory.
    """

    def __init__(
        self, app: ASGIApp, limit: int, deepest: int, exempt: frozenset[str] = frozenset()
    ) -> None:
        self._app = app
        self._limit = limit
        self._deepest = deepest
        self._entries = max(FEW_ENTRIES, limit // BYTES_AN_ENTRY)
        self._exempt = exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._exempt:
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        size = int(declared) if declared.isdecimal() else 0
        received = 0
        body: list[bytes] = []

        async def receive_counted() -> Message:
            nonlocal received
            self._check(size)
            message = await receive()
            if message["type"] == "http.request":
                body.append(message.get("body", b""))
                received += len(body[-1])
                self._check(received)
                if not message.get("more_body"):
                    scope["state"]["bytes_in"] = received
                    self._check_shape(b"".join(body))
                    body.clear()
            return message

        await self._app(scope, receive_counted, send)

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise BodyTooLarge.about(
                "body", f"0..{self._limit} bytes", size, f"is over {self._limit} bytes"
            )

    def _check_shape(self, body: bytes) -> None:
        if openings(body) > self._deepest and deeper_than(self._deepest, body):
            limit = f"{self._deepest} levels of arrays and objects"
            raise InvalidJson.about("body", limit, None, f"is nested deeper than {limit}")
        if more_values_than(self._entries, body):
            limit = f"{self._entries} entries of arrays and objects"
            raise InvalidJson.about("body", limit, None, f"has more than {limit}")


def _request_id(given: str | None) -> str:
    if given and _SANE_ID.fullmatch(given):
        return given
    return f"req_{os.urandom(16).hex()}"
