"""W3C trace context: https://www.w3.org/TR/trace-context/."""

import sys

import pytest

from common.logs import trace_id
from common.traceparent import in_trace, trace_of, valid_traceparent
from common.tracing import NoTracing, open_tracing
from common.tracing_settings import TracingSettings

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADER = f"00-{TRACE}-{SPAN}-01"


def test_a_header_names_its_trace() -> None:
    assert trace_of(HEADER) == TRACE
    assert trace_of(f"cc-{TRACE}-{SPAN}-01-what-comes-later") == TRACE


@pytest.mark.parametrize(
    "header",
    [
        *("", "no", HEADER.upper(), f"{HEADER}-more", f"{HEADER}\n", f"ff-{TRACE}-{SPAN}-01"),
        *(f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE[1:]}-{SPAN}-01"),
    ],
)
def test_what_is_no_trace_context_names_none(header: str) -> None:
    assert trace_of(header) == ""
    assert valid_traceparent(header) == ""


def test_a_long_header_of_a_later_version_is_cut_to_what_is_known() -> None:
    assert valid_traceparent(f"cc-{TRACE}-{SPAN}-01-{'x' * 9000}") == f"cc-{TRACE}-{SPAN}-01"
    assert valid_traceparent(None) == ""


def test_a_trace_is_named_within_its_work_and_no_longer() -> None:
    with in_trace(TRACE):
        assert trace_id.get() == TRACE
    assert trace_id.get() == ""


def test_switched_off_a_span_hands_on_the_callers_trace() -> None:
    with NoTracing().span("work", HEADER) as span:
        assert (span.traceparent, trace_id.get()) == (HEADER, TRACE)
    with NoTracing().span("work") as span:
        assert (span.traceparent, trace_id.get()) == ("", "")


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, ""),
        ({"otel_exporter_otlp_endpoint": "http://c:4318"}, "http://c:4318/v1/traces"),
        ({"otel_exporter_otlp_endpoint": "http://c:4318/"}, "http://c:4318/v1/traces"),
        ({"otel_exporter_otlp_traces_endpoint": "http://c/x"}, "http://c/x"),
        ({"otel_exporter_otlp_endpoint": "http://c", "otel_sdk_disabled": "true"}, ""),
        ({"otel_exporter_otlp_endpoint": "http://c", "otel_traces_exporter": "none"}, ""),
    ],
)
def test_spans_go_where_opentelemetrys_variables_say(variables: dict[str, str], url: str) -> None:
    assert TracingSettings.model_validate(variables).traces_url == url


def test_missing_libraries_are_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = TracingSettings(otel_exporter_otlp_endpoint="http://127.0.0.1:4318")
    monkeypatch.delitem(sys.modules, "common.otel", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(SystemExit, match=r"caravan\[tracing\]") as stopped:
        open_tracing(settings, "gateway")

    assert "\n" not in str(stopped.value)
