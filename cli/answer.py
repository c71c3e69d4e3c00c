"""The first answer: one real explanation through the whole stack, shown as it is written."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from cli.clock import TokenClock
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


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """The completed job, and when its client saw what."""

    job: dict[str, Any]
    clock: TokenClock
    total_seconds: float

    def timings(self) -> str:
        """One line: queue, first token, speed, total."""
        return self.clock.timings(self.job, self.total_seconds)


def ask(settings: LauncherSettings, show: Show) -> FirstAnswer:
    """Log in, submit, and stream the answer to ``show``.

    Raises:
        NoAnswerError: a step was refused, or the job did not complete.
    """
    timeout = httpx.Timeout(30.0, read=120.0)
    tls = settings.gateway_tls
    with httpx.Client(
        base_url=settings.gateway_url, verify=tls, timeout=timeout, trust_env=False
    ) as client:
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
