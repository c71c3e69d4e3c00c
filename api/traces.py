"""What a trace shows of a request and of the job that it makes."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from starlette.datastructures import Headers
from starlette.types import Scope

from api.submission import Submission
from common.traceparent import valid_traceparent
from common.tracing import Kind, NoTracing, Span, Tracing

#: Asked every few seconds by machines.
UNTRACED = frozenset({"/livez", "/readyz", "/metrics"})
_SERVER_ERROR = 500
_UNTOLD: Tracing = NoTracing()


def request_span(tracing: Tracing, scope: Scope, headers: Headers) -> AbstractContextManager[Span]:
    """Around a request; probes are left out."""
    caller = valid_traceparent(headers.get("traceparent"))
    wanted = _UNTOLD if scope["path"] in UNTRACED else tracing
    return wanted.span(scope["method"], caller, Kind.SERVER)


def answered(span: Span, scope: Scope, method: str, route: str, status: int) -> None:
    """Say what it was, by the template of its path: a query may carry a token."""
    span.rename(f"{method} {route}")
    span.tell(
        {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
            "url.scheme": scope["scheme"],
            "caravan.request_id": scope["state"]["request_id"],
        }
    )
    if status >= _SERVER_ERROR:
        span.fail(str(status))


@contextmanager
def submitted(tracing: Tracing, submission: Submission, job_id: str) -> Iterator[Submission]:
    """Around writing a job down; the submission as a child of that."""
    if not tracing.enabled:
        yield submission
        return
    priority = submission.request.priority
    about = {
        "messaging.system": "redis",
        "messaging.operation.type": "send",
        "messaging.destination.name": priority.queue,
        "messaging.message.id": job_id,
        "caravan.job.id": job_id,
        "caravan.job.kind": submission.kind.value,
        "caravan.job.priority": priority.value,
        "gen_ai.usage.input_tokens": submission.prompt_tokens,
    }
    parent = submission.origin.traceparent
    with tracing.span("submit job", parent, Kind.PRODUCER, about) as span:
        origin = replace(submission.origin, traceparent=span.traceparent)
        yield replace(submission, origin=origin)
