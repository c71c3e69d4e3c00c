from typing import Any

import httpx
import pytest

from cli.answer import FirstAnswer, NoAnswerError, ask
from cli.clock import TokenClock
from cli.settings import LauncherSettings
from tests.support.stack import Stack

JOB: dict[str, Any] = {
    "created_at": "2026-11-22T03:34:31.733Z",
    "started_at": "2026-11-22T03:34:31.745Z",
    "usage": {"completion_tokens": 3},
}


def test_the_timings_say_queue_first_token_and_total() -> None:
    clock = TokenClock()
    clock.count(1)
    clock.count(2)

    timings = FirstAnswer(JOB, clock, total_seconds=2.5).timings()

    assert timings.startswith("12 ms in the queue · first token after 0.0")
    assert timings.endswith("3 tokens in 2.50 s")


def test_an_answer_in_one_piece_has_no_speed() -> None:
    clock = TokenClock()
    clock.count(3)

    assert "tokens/s" not in FirstAnswer(JOB, clock, total_seconds=2.5).timings()


def settings(stack: Stack, **values: str) -> LauncherSettings:
    return LauncherSettings.model_validate({"api_port": stack.api_port, **values})


def test_what_is_shown_is_what_the_record_holds(echo_stack: Stack) -> None:
    shown: list[str] = []

    answer = ask(settings(echo_stack), shown.append)

    assert "".join(shown) == answer.job["result"]["explanation"]


def test_another_password_is_told_with_the_setting_that_says_it(echo_stack: Stack) -> None:
    with pytest.raises(NoAnswerError, match="ADMIN_PASSWORD"):
        ask(settings(echo_stack, admin_password="changed"), print)


def test_a_gateway_that_is_gone_is_told_by_its_address() -> None:
    nobody = httpx.URL("http://127.0.0.1:9")

    with pytest.raises(NoAnswerError, match=str(nobody)):
        ask(LauncherSettings.model_validate({"api_port": nobody.port}), print)
