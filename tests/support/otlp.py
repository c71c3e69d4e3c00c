"""A collector of traces on this machine: OTLP over HTTP, decoded with OpenTelemetry's own types."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from cli.ports import any_free
from tests.support.waiting import wait_until


@dataclass(frozen=True, slots=True)
class SeenSpan:
    """One span as it arrived; times in seconds since the epoch, ``error`` '' where all is well."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    began: float
    ended: float
    error: str
    attributes: Mapping[str, Any]


class Collector:
    """Keeps every span that is posted to ``url``/v1/traces."""

    def __init__(self) -> None:
        self.port = any_free()
        self.url = f"http://127.0.0.1:{self.port}"
        self.spans: list[SeenSpan] = []
        self.bodies: list[bytes] = []
        self._lock = Lock()
        self._server = _Server(("127.0.0.1", self.port), self)

    def start(self) -> None:
        """Return once it listens."""
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections."""
        self._server.shutdown()
        self._server.server_close()

    def take(self, body: bytes) -> None:
        """Decode one export."""
        request = ExportTraceServiceRequest.FromString(body)
        with self._lock:
            self.bodies.append(body)
            for resource in request.resource_spans:
                service = _plain(resource.resource.attributes)["service.name"]
                for scope in resource.scope_spans:
                    self.spans += [_seen(str(service), span) for span in scope.spans]

    def trace(self, trace_id: str) -> list[SeenSpan]:
        """What has come of a trace, in the order of its beginnings."""
        with self._lock:
            spans = [span for span in self.spans if span.trace_id == trace_id]
        return sorted(spans, key=lambda span: span.began)

    def wait_for(self, trace_id: str, *names: str, timeout_seconds: float = 60) -> list[SeenSpan]:
        """The trace once spans of these names have come."""

        def whole() -> list[SeenSpan]:
            spans = self.trace(trace_id)
            return spans if {*names} <= {span.name for span in spans} else []

        return wait_until(whole, timeout_seconds, f"{names} in a trace")


def _seen(service: str, span: Any) -> SeenSpan:
    return SeenSpan(
        service=service,
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        began=span.start_time_unix_nano / 1e9,
        ended=span.end_time_unix_nano / 1e9,
        error=span.status.message if span.status.code == span.status.STATUS_CODE_ERROR else "",
        attributes=_plain(span.attributes),
    )


def _plain(attributes: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    found = getattr(value, kind)
    return [_value(one) for one in found.values] if kind == "array_value" else found


class _Server(ThreadingHTTPServer):
    def __init__(self, address: tuple[str, int], collector: Collector) -> None:
        self.collector = collector
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        found = self.path == "/v1/traces"
        if found:
            self.server.collector.take(body)
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200 if found else 404)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""
