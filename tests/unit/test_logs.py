"""What stands in a log line, in both forms, and what never does."""

import io
import json
import logging
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from common.logs import SPEECH, LogStyle, configure_logs, trace_id
from common.plain_lines import plain_line
from common.redaction import LONGEST_FIELD, Redactor

SECRETS = {
    "an access token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl-x_y",
    "an API key": "cvn_0123456789abcdef_abcdefghijklmnopqrstuvwxyzABCDEFGHIJ-_01234",
    "a webhook secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "a refresh token": "0123456789abcdef0123456789abcdef.abcdefghijklmnopqrstuvwxyzABCDEFGHIJ-_01234",
    "a header": "Bearer 0123456789-opaque",
    "a URL's password": "hunter2hunter2",
    "an upstream key": "sk-upstream-0123",
}


@pytest.fixture(autouse=True)
def _put_back(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers, root.level
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    yield
    root.handlers, root.level = before, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@contextmanager
def logged(monkeypatch: pytest.MonkeyPatch, **style: Any) -> Iterator[io.StringIO]:
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    configure_logs(LogStyle(**style), "api")
    yield said


def fail(error: Exception) -> None:
    raise error


def lines(said: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.getvalue().splitlines()]


def test_a_line_says_when_where_what_and_for_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    with logged(monkeypatch) as said:
        token = trace_id.set("4bf92f3577b34da6a3ce929d0e0e4736")
        with structlog.contextvars.bound_contextvars(request_id="req_1", job_id="job_1"):
            structlog.get_logger("here").info("done", attempt=2)
        trace_id.reset(token)

    (line,) = lines(said)
    assert {name: line[name] for name in line if name != "ts"} == {
        "service": "api",
        "event": "done",
        "level": "info",
        "logger": "here",
        "request_id": "req_1",
        "job_id": "job_1",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "attempt": 2,
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", line["ts"])


def test_outside_of_a_trace_no_trace_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with logged(monkeypatch) as said:
        structlog.get_logger().info("x")

    assert "trace_id" not in lines(said)[0]


@pytest.mark.parametrize("name", ["uvicorn.error", "celery.worker", "kombu", "py.warnings"])
def test_what_libraries_say_takes_the_same_way(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with logged(monkeypatch) as said:
        logging.getLogger(name).warning("lost %s", "redis://:hunter2hunter2@h:1/0")

    assert lines(said)[0]["event"] == "lost redis://***@h:1/0"
    assert lines(said)[0]["logger"] == name


def test_what_nobody_caught_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise ValueError("a\nforged line")

    with logged(monkeypatch) as said:
        thread = threading.Thread(target=fails)
        thread.start()
        thread.join()
        try:
            fails()
        except ValueError as error:
            sys.excepthook(ValueError, error, error.__traceback__)

    assert [line["level"] for line in lines(said)] == ["critical", "critical"]
    assert all("forged line" in line["exception"] for line in lines(said))


@pytest.mark.parametrize("level", ["INFO", "DEBUG", "ERROR"])
def test_the_level_decides(monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    with logged(monkeypatch, level=level) as said:
        for name in ("debug", "info", "error"):
            getattr(structlog.get_logger(), name)(name)
            logging.getLogger("theirs").log(logging.getLevelName(name.upper()), name)

    seen = [line["event"] for line in lines(said)]
    wanted = {"DEBUG": ["debug", "info", "error"], "INFO": ["info", "error"], "ERROR": ["error"]}
    assert seen == [name for name in wanted[level] for _ in range(2)]


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("what", SECRETS)
def test_no_secret_is_written_wherever_it_hides(
    monkeypatch: pytest.MonkeyPatch, what: str, plain: bool
) -> None:
    # Given a secret in an event, in a field, in another library's record and in an exception
    secret = SECRETS[what]
    shown = f"redis://user:{secret}@host" if "URL" in what else secret
    with logged(monkeypatch, plain=plain, secrets=("sk-upstream-0123",)) as said:
        log = structlog.get_logger()
        event = f"got {shown}"
        log.info(event, error=f"refused: {shown}", url=f"/x?token={secret}")
        logging.getLogger("redis").error("failed with %s", shown)
        try:
            fail(RuntimeError(f"wrong: {shown}"))
        except RuntimeError:
            log.exception("it failed", headers={"authorization": shown})
    # Then it is nowhere, and what surrounds it is
    text = said.getvalue()
    assert secret not in text
    assert "refused: " in text
    assert "failed with" in text
    assert "wrong: " in text


@pytest.mark.parametrize("name", ["password", "token", "authorization", "api_key", "secret"])
def test_a_field_that_is_secret_is_hidden_whatever_it_holds(name: str) -> None:
    event = {name: "short", "user": "ada"}
    Redactor().fields(event)

    assert event == {name: "***", "user": "ada"}


def test_the_input_in_a_validation_error_is_hidden() -> None:
    text = "1 error ... [type=int_type, input_value='my salary', input_type=str]"

    assert Redactor().text(text).endswith("input_value=***, input_type=str]")


def test_what_users_say_is_a_number_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with logged(monkeypatch) as said:
        structlog.get_logger().info(SPEECH, prompt="my salary")
        structlog.get_logger().info("x", prompt="my salary", messages=[{"content": "my salary"}])

    (line,) = lines(said)
    assert (line["event"], line["prompt"]) == ("x", "(9 characters)")
    assert "salary" not in said.getvalue()


def test_asked_for_it_is_written_up_to_its_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    with logged(monkeypatch, prompt_characters=20) as said:
        structlog.get_logger().info(SPEECH, prompt="short")
        structlog.get_logger().info(SPEECH, answer="x" * 100_000)

    assert [line.get("prompt") or line["answer"] for line in lines(said)] == [
        "short",
        f"{'x' * 20}… (100000 characters)",
    ]


def test_a_long_field_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    with logged(monkeypatch) as said:
        structlog.get_logger().warning("the engine failed", error="y" * 1_000_000)

    assert len(said.getvalue()) < LONGEST_FIELD + 500


@given(text=st.text(min_size=1), name=st.text(min_size=1))
def test_no_text_of_a_user_begins_a_line(text: str, name: str) -> None:
    event = {"event": "request", "level": "info", "ts": "t", "service": "api", "path": text}
    plain = plain_line({**event, "who": name})

    assert len(plain.splitlines()) == 1
    assert plain.isprintable()
    assert plain_line({**event, "exception": f"Traceback\n{text}"}).count("\n") >= 1


@pytest.mark.parametrize("plain", [False, True])
def test_newlines_and_terminal_codes_stay_what_they_are(
    monkeypatch: pytest.MonkeyPatch, plain: bool
) -> None:
    forged = 'x\n{"event": "audit", "action": "login"}\r\n\x1b[2J\u2028\x00'
    with logged(monkeypatch, plain=plain) as said:
        structlog.get_logger().info("request", path=forged)
        logging.getLogger("theirs").info("said %s", forged)

    written = said.getvalue().rstrip("\n").split("\n")
    assert len(written) == 2
    assert all(line.isprintable() for line in written)


def test_a_traceback_for_people_is_marked_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with logged(monkeypatch, plain=True) as said:
        try:
            fail(ValueError("boom\n2026 INFO api forged"))
        except ValueError:
            structlog.get_logger().exception("it failed")

    first, *rest = said.getvalue().rstrip("\n").split("\n")
    assert "ERROR" in first
    assert "it failed" in first
    assert rest
    assert all(line.startswith("  | ") for line in rest)


@given(st.text(alphabet="abc:/@.=?&_-\"' eyJcvn_whsec_bearer", max_size=3000))
def test_redaction_is_quick_and_never_fails(text: str) -> None:
    began = time.thread_time()
    Redactor(("a-secret-of-ours",)).text(text)

    assert time.thread_time() - began < 0.5
