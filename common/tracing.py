"""Traces: one seam, behind which there is nothing while they are off.

OpenTelemetry is imported by ``open_tracing`` alone, and only where the settings name a
collector. What stands in a span: docs/tracing.md. Never what users or models say.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from common.traceparent import in_trace, trace_of
from common.tracing_settings import TracingSettings

Attributes = Mapping[str, str | int | float | bool | Sequence[str]]


class Kind(StrEnum):
    """Which side of a conversation a span shows."""

    INTERNAL = "INTERNAL"
    SERVER = "SERVER"
    CLIENT = "CLIENT"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"


class Span(Protocol):
    """One piece of work under way."""

    @property
    def traceparent(self) -> str:
        """What names it as the parent of others; '' outside of any trace."""

    def rename(self, name: str) -> None:
        """Call it otherwise, by what is known only now."""

    def tell(self, attributes: Attributes) -> None:
        """Add to what is known of it."""

    def fail(self, why: str) -> None:
        """It went wrong; ``why`` in a word."""


class Tracing(Protocol):
    """Where spans go. Times of ``record`` are seconds since the epoch."""

    @property
    def enabled(self) -> bool:
        """Whether anybody looks at spans."""

    def span(
        self,
        name: str,
        parent: str = "",
        kind: Kind = Kind.INTERNAL,
        attributes: Attributes | None = None,
    ) -> AbstractContextManager[Span]:
        """Around a piece of work; without ``parent``, a traceparent, part of the current one."""

    def record(
        self,
        name: str,
        began: float,
        ended: float,
        parent: str = "",
        attributes: Attributes | None = None,
    ) -> None:
        """Tell of a piece of work that has ended."""

    def close(self) -> None:
        """Send what is left."""


@dataclass(frozen=True, slots=True)
class NoSpan:
    """Hands on the trace that others began."""

    traceparent: str = ""

    def rename(self, name: str) -> None:
        """Nothing."""

    def tell(self, attributes: Attributes) -> None:
        """Nothing."""

    def fail(self, why: str) -> None:
        """Nothing."""


#: Entered by every request of a gateway without traces: it costs nothing.
_NOTHING: AbstractContextManager[Span] = nullcontext(NoSpan())


@contextmanager
def _handed_on(parent: str) -> Iterator[Span]:
    with in_trace(trace_of(parent)):
        yield NoSpan(parent)


class NoTracing:
    """Traces are off; log lines still name the trace of a caller that sent one."""

    enabled = False

    def span(
        self,
        name: str,
        parent: str = "",
        kind: Kind = Kind.INTERNAL,
        attributes: Attributes | None = None,
    ) -> AbstractContextManager[Span]:
        """Only the trace id."""
        del name, kind, attributes
        return _handed_on(parent) if parent else _NOTHING

    def record(
        self,
        name: str,
        began: float,
        ended: float,
        parent: str = "",
        attributes: Attributes | None = None,
    ) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def open_tracing(settings: TracingSettings, role: str) -> Tracing:
    """What the settings want. Exits with one line if the libraries for it are missing."""
    if not settings.traces_url:
        return NoTracing()
    try:
        from common.otel import OtelTracing
    except ImportError as error:
        raise SystemExit(
            f"error: OTEL_EXPORTER_OTLP_ENDPOINT is set, but {error.name} is not installed: "
            "pip install 'caravan[tracing]', or leave it unset"
        ) from None
    return OtelTracing(settings.traces_url, settings.otel_service_name or f"caravan-{role}")
