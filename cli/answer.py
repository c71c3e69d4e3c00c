"""The first answer: one real explanation through the whole stack, shown as it is written."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from cli.settings import LauncherSettings
from cli.sse import parse_events, split_lines

CONTEXT = {
    "analysis_type": "sentiment",
    "symbol": "AAPL",
    "sentiment_score": 0.75,
    "current_price": 150.0,
    "iv_rank": 65,
}
EXPLANATION = {"context": CONTEXT, "max_tokens": 200, "temperature": 0.1, "priority": "normal"}

#: Takes a piece of text to show at once, without a line end.
Show = Callable[[str], None]


class NoAnswerError(Exception):
    """Why there is no first answer, in one line."""


class TokenClock:
    """When tokens came, in seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._tokens = self._first_tokens = 0
        self.first_seconds = self._last_seconds = 0.0

    def elapsed(self) -> float:
        return time.monotonic() - self._start

    def count(self, tokens: int) -> None:
        """These tokens have come now."""
        self._last_seconds = self.elapsed()
        if not self._tokens:
            self.first_seconds, self._first_tokens = self._last_seconds, tokens
        self._tokens += tokens

    @property
    def per_second(self) -> float:
        """The speed after the first piece; 0 if there was but one."""
        seconds = self._last_seconds - self.first_seconds
        return (self._tokens - self._first_tokens) / seconds if seconds else 0.0


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """The completed job, and when its client saw what."""

    job: dict[str, Any]
    clock: TokenClock
    total_seconds: float

    def timings(self) -> str:
        """One line: queue, first token, speed, total."""
        tokens = self.job["usage"]["completion_tokens"]
        parts = [
            f"{_milliseconds(self.job, 'created_at', 'started_at')} ms in the queue",
            f"first token after {self.clock.first_seconds:.2f} s",
            f"{tokens} tokens in {self.total_seconds:.2f} s",
        ]
        if self.clock.per_second:
            parts.insert(2, f"{self.clock.per_second:.0f} tokens/s")
        return " · ".join(parts)


def ask(settings: LauncherSettings, show: Show) -> FirstAnswer:
    """Log in, submit, and stream the answer to ``show``.

    Raises:
        NoAnswerError: a step was refused, or the job did not complete.
    """
    timeout = httpx.Timeout(30.0, read=120.0)
    with httpx.Client(base_url=settings.gateway_url, timeout=timeout, trust_env=False) as client:
        try:
            client.headers["Authorization"] = f"Bearer {_log_in(client, settings)}"
            return _submit_and_stream(client, show)
        except httpx.HTTPError as error:
            raise NoAnswerError(f"{settings.gateway_url}: {error}") from error


def _log_in(client: httpx.Client, settings: LauncherSettings) -> str:
    login = {
        "username": settings.admin_username,
        "password": settings.admin_password.get_secret_value(),
    }
    answer = client.post("/auth/login", json=login)
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise NoAnswerError(
            f"{settings.admin_username} has another password now; say it with ADMIN_PASSWORD."
        )
    token: str = _accepted(answer)["access_token"]
    return token


def _submit_and_stream(client: httpx.Client, show: Show) -> FirstAnswer:
    clock = TokenClock()
    job = _accepted(client.post("/explain", json=EXPLANATION))
    with client.stream("GET", job["urls"]["events"]) as stream:
        if stream.is_error:
            stream.read()
            _accepted(stream)
        for event in parse_events(split_lines(stream.iter_text())):
            data = json.loads(event.data)
            if event.name == "token":
                clock.count(data["tokens"])
                show(data["text"])
            elif event.name == "done":
                job = data
    if job["status"] != "completed":
        raise NoAnswerError(f"the job is {job['status']}: {json.dumps(job.get('error'))}")
    return FirstAnswer(job, clock, clock.elapsed())


def _accepted(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise NoAnswerError(f"{answer.request.url} answered {answer.status_code}: {answer.text}")
    body: dict[str, Any] = answer.json()
    return body


def _milliseconds(job: dict[str, Any], start: str, end: str) -> int:
    elapsed = datetime.fromisoformat(job[end]) - datetime.fromisoformat(job[start])
    return round(elapsed.total_seconds() * 1000)
