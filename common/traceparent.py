"""W3C trace context, as far as it must be read without OpenTelemetry."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from common.logs import trace_id

#: https://www.w3.org/TR/trace-context/: later versions may carry more after the flags.
_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?P<more>-.*)?")
_NOWHERE = "0"


def trace_of(traceparent: str) -> str:
    """The trace id of a header; '' where the header says nothing valid."""
    found = _FORM.fullmatch(traceparent)
    if not found or (found["more"] and traceparent.startswith("00")):
        return ""
    trace, span = found[1], found[2]
    return trace if trace.strip(_NOWHERE) and span.strip(_NOWHERE) else ""


def valid_traceparent(header: str | None) -> str:
    """The header if it names a trace, cut to what is kept with a job; else ''."""
    return header[:55] if header and trace_of(header) else ""


@contextmanager
def in_trace(trace: str) -> Iterator[None]:
    """Around work that belongs to a trace: its log lines and exemplars name it."""
    token = trace_id.set(trace)
    try:
        yield
    finally:
        trace_id.reset(token)
