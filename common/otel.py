"""Traces by OpenTelemetry's SDK, sent as OTLP over HTTP from a thread of its own."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    format_trace_id,
    set_span_in_context,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from common.traceparent import in_trace
from common.tracing import Attributes, Kind

#: How long the end of a process waits for a collector.
CLOSE_SECONDS = 2.0

_W3C = TraceContextTextMapPropagator()


class OtelSpan:
    """A span of the SDK behind our seam."""

    def __init__(self, span: Span) -> None:
        self._span = span

    @property
    def traceparent(self) -> str:
        """What names it as the parent of others."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier, set_span_in_context(self._span))
        return carrier.get("traceparent", "")

    def rename(self, name: str) -> None:
        """Call it otherwise."""
        self._span.update_name(name)

    def tell(self, attributes: Attributes) -> None:
        """Add to what is known of it."""
        self._span.set_attributes(dict(attributes))

    def fail(self, why: str) -> None:
        """It went wrong."""
        self._span.set_attribute("error.type", why)
        self._span.set_status(Status(StatusCode.ERROR, why))


class OtelTracing:
    """Owns its provider: nothing global is set, so nobody else adds spans of their own."""

    enabled = True

    def __init__(self, url: str, service: str) -> None:
        about = {"service.name": service, "service.namespace": "caravan"}
        instance = f"{socket.gethostname()}-{os.getpid()}"
        resource = Resource.create({**about, "service.instance.id": instance})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
        self._tracer = self._provider.get_tracer("caravan")

    @contextmanager
    def span(
        self,
        name: str,
        parent: str = "",
        kind: Kind = Kind.INTERNAL,
        attributes: Attributes | None = None,
    ) -> Iterator[OtelSpan]:
        """Around a piece of work. An exception marks it by its type: messages quote users."""
        span = self._tracer.start_span(
            name, _context(parent), SpanKind[kind], dict(attributes or {})
        )
        trace = format_trace_id(span.get_span_context().trace_id)
        shown = OtelSpan(span)
        with (
            use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False),
            in_trace(trace),
        ):
            try:
                yield shown
            except Exception as error:
                shown.fail(type(error).__name__)
                raise

    def record(
        self,
        name: str,
        began: float,
        ended: float,
        parent: str = "",
        attributes: Attributes | None = None,
    ) -> None:
        """Tell of a piece of work that has ended."""
        span = self._tracer.start_span(
            name,
            _context(parent),
            attributes=dict(attributes or {}),
            start_time=_nanoseconds(began),
        )
        span.end(_nanoseconds(max(began, ended)))

    def close(self) -> None:
        """Send what is left, for a moment: the SDK would try for longer than a drain may last."""
        leaving = Thread(target=self._provider.shutdown, name="traces", daemon=True)
        leaving.start()
        leaving.join(CLOSE_SECONDS)


def _context(parent: str) -> Context | None:
    """Of a traceparent; None, which is the current one, without."""
    return _W3C.extract({"traceparent": parent}) if parent else None


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
