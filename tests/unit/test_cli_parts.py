"""The parts of the command line that only decide."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, get_args

import httpx
import pytest
import typer

from cli.client.gateway import is_loopback
from cli.client.problems import fault_of
from cli.client.settings import ClientSettings
from cli.credentials import Credentials, Login
from cli.exits import ExitCode
from cli.facts import facts
from cli.faults import Failed, Misused, NotAllowed, Refused
from cli.load.report import Report, Sample, quantiles
from cli.options import PriorityName, StatusName
from cli.screen.jobs import span
from cli.screen.paper import Paper, harmless
from cli.screen.screen import fault_lines
from cli.spread import spread
from cli.verbs.jobs import KindName
from common.job import JobKind, JobStatus
from common.queues import Priority


def test_the_words_of_the_options_are_those_of_the_records() -> None:
    assert set(get_args(PriorityName)) == set(Priority)
    assert set(get_args(StatusName)) == set(JobStatus)
    assert set(get_args(KindName)) <= set(JobKind)


@pytest.mark.parametrize(
    ("given", "context"),
    [
        (["iv_rank=65", "symbol=AAPL"], {"iv_rank": 65, "symbol": "AAPL"}),
        (["greeks.delta=0.42", "greeks.vega=1"], {"greeks": {"delta": 0.42, "vega": 1}}),
        (['tags=["a"]', "halted=true"], {"tags": ["a"], "halted": True}),
        (["note=a=b", "ratio=NaN"], {"note": "a=b", "ratio": "NaN"}),
    ],
)
def test_facts_are_json_where_they_can_be_and_text_otherwise(
    given: list[str], context: dict[str, object]
) -> None:
    assert facts(given) == context


@pytest.mark.parametrize("given", [["iv_rank"], ["=65"], ["a..b=1"], ["a=1", "a.b=2"]])
def test_a_fact_that_is_none_is_refused(given: list[str]) -> None:
    with pytest.raises(Misused):
        facts(given)


def test_text_never_commands_the_terminal() -> None:
    assert harmless("a\x1b[2Jb\x07c\x9bd\r\n\te") == "a[2Jbcd\n\te"


def test_rows_are_broken_at_words_and_wide_characters_count_twice() -> None:
    paper = Paper(10)

    assert paper.write("one two three") == ["one two"]
    assert (paper.write("\nfour"), paper.open_row) == (["three"], "four")
    assert Paper(10).write("日本語日本語") == ["日本語日本"]
    assert Paper(10).write("x" * 25) == ["x" * 10, "x" * 10]


def answer(status: int, code: str, **headers: str) -> httpx.Response:
    body = {
        "detail": "max_tokens is too large.",
        "request_id": "req_1",
        "error": {"code": code},
        "errors": [{"field": "max_tokens", "limit": "1..4096", "value": 9999}],
    }
    return httpx.Response(status, json=body, headers=headers)


@pytest.mark.parametrize(
    ("status", "kind", "exit_code"),
    [
        (422, Misused, ExitCode.USAGE),
        (401, NotAllowed, ExitCode.AUTH),
        (403, NotAllowed, ExitCode.AUTH),
        (429, Refused, ExitCode.REFUSED),
        (402, Refused, ExitCode.REFUSED),
        (503, Refused, ExitCode.REFUSED),
        (404, Failed, ExitCode.FAILED),
        (500, Failed, ExitCode.FAILED),
    ],
)
def test_each_status_is_a_fault_with_its_exit_status(
    status: int, kind: type, exit_code: ExitCode
) -> None:
    fault = fault_of(answer(status, "some-code"))

    assert type(fault) is kind
    assert fault.exit_code == exit_code


def test_a_fault_says_field_value_limit_and_when_to_come_back() -> None:
    lines = [line for line, _ in fault_lines(fault_of(answer(429, "busy", **{"Retry-After": "7"})))]

    assert lines[0] == "error: max_tokens is too large."
    assert lines[1] == "  max_tokens = 9999, limit: 1..4096"
    assert "  Try again in 7 s." in lines


def test_another_servers_error_page_is_no_problem_to_read() -> None:
    fault = fault_of(httpx.Response(502, html="<h1>Bad Gateway</h1>"))

    assert fault.message == "The gateway answered 502."


def test_a_login_is_stale_shortly_before_its_end_and_a_key_never() -> None:
    assert Login(access_token="t", expires_at=time.time() + 10).stale
    assert not Login(access_token="t", expires_at=time.time() + 600).stale
    assert not Login(api_key="cvn_x").stale


def test_a_credentials_file_that_is_damaged_is_as_none(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path)
    credentials.remember("http://a", Login(api_key="cvn_x"))
    credentials.path.write_text("{")

    assert credentials.login("http://a") is None
    assert credentials.last_url == ""


def test_the_gateway_is_named_by_option_environment_last_login_or_port() -> None:
    named = ClientSettings.model_validate({"caravan_url": "http://b/"})
    plain = ClientSettings.model_validate({"caravan_url": None, "api_port": 8010})

    assert named.url("http://a/", "http://c") == "http://a"
    assert named.url(None, "http://c") == "http://b"
    assert plain.url(None, "http://c") == "http://c"
    assert plain.url(None, "") == "http://127.0.0.1:8010"


def test_loopback_is_known_by_address_and_name() -> None:
    assert [is_loopback(host) for host in ("127.0.0.2", "::1", "localhost")] == [True] * 3
    assert not is_loopback("llama.example.com")


def test_quantiles_are_by_nearest_rank() -> None:
    assert quantiles(range(1, 101)) == {"p50": 50, "p95": 95, "p99": 99}
    assert quantiles([]) == {"p50": None, "p95": None, "p99": None}


def test_only_completed_jobs_count_for_the_rate() -> None:
    report = Report(concurrency=2, seconds=30.0)
    for status in ("completed", "failed"):
        report.samples.append(Sample(10.0, 1.0, 9.0, 50, status))

    body = report.body()
    assert (body["jobs_per_minute"], body["jobs"]) == (2.0, {"completed": 1, "failed": 1})
    assert not report.clean


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.0123, "12ms"), (3.44, "3.4s"), (300, "5m"), (7200, "2h"), (1e6, "12d")],
)
def test_a_time_is_shown_in_its_unit(seconds: float, shown: str) -> None:
    assert span(seconds) == shown


def test_options_of_a_dataclass_become_options_of_a_verb() -> None:
    from dataclasses import dataclass

    from typer.testing import CliRunner

    @dataclass
    class Shared:
        loud: Annotated[bool, typer.Option("--loud")] = False

    app = typer.Typer()

    @app.command()
    @spread
    def speak(word: str, *, shared: Shared) -> None:
        typer.echo(word.upper() if shared.loud else word)

    assert CliRunner().invoke(app, ["hello", "--loud"]).output == "HELLO\n"


def test_help_comes_at_once_and_loads_nothing_heavy() -> None:
    # Given a fresh interpreter
    script = (
        "import sys; from cli.app import create_app\n"
        "try: create_app()(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted(sys.modules.keys() & {'httpx', 'pydantic_settings', 'redis', 'supervisor'}))"
    )
    before = os.times()
    # When the help is shown
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    after = os.times()
    # Then none of the verbs' libraries is there, and the processor had little to do
    assert done.stdout.splitlines()[-1] == "[]"
    spent = after.children_user + after.children_system
    assert spent - before.children_user - before.children_system < 0.5
