"""Clients that ask for work and wait for the answer, each on a connection of its own."""

import json
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.client import HTTPConnection
from threading import local
from typing import Any
from urllib.parse import urlsplit

from benchmarks.way.stamps import Stamps, now

PROMPT = "Explain the sentiment of AAPL to a careful reader."

#: Asks once, for so many seconds of work; says how many seconds were not work.
Asks = Callable[[float], float]


class Client:
    """Posts JSON from any thread; a thread keeps its connection. Raises OSError, RuntimeError."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        parts = urlsplit(url)
        self._host, self._port, self._path = parts.hostname or "", parts.port, parts.path
        self._headers = {"Content-Type": "application/json", **(headers or {})}
        self._mine = local()

    def post(self, body: Mapping[str, Any]) -> Any:
        """The answer, read."""
        connection = getattr(self._mine, "connection", None)
        if connection is None:
            connection = self._mine.connection = HTTPConnection(self._host, self._port, timeout=60)
        try:
            connection.request("POST", self._path, json.dumps(body).encode(), self._headers)
            answer = connection.getresponse()
            content = answer.read()
        except OSError:
            self._mine.connection = None
            raise
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise RuntimeError(f"{answer.status}: {content[:200]!r}")
        return json.loads(content)


def ours(
    base_url: str, token: str, tokens_per_second: float, stamps: Stamps
) -> Callable[[float], str]:
    """``POST /generate`` that waits: the id of the job, which has ended. Its time is stamped."""
    headers = {"Authorization": f"Bearer {token}", "Prefer": "wait=30"}
    client = Client(f"{base_url}/generate", headers)

    def ask(seconds: float) -> str:
        tokens = round(seconds * tokens_per_second)
        asked = now()
        job = client.post({"prompt": PROMPT, "max_tokens": tokens})
        answered = now()
        if job["status"] != "completed":
            raise RuntimeError(f"the job is {job['status']}")
        stamps.write(job["id"], "asked", asked)
        stamps.write(job["id"], "answered", answered)
        return str(job["id"])

    return ask


def theirs(url: str, token: str) -> Asks:
    """``POST /work``, which answers with the seconds that the work took."""
    client = Client(url, {"Authorization": f"Bearer {token}"})

    def ask(seconds: float) -> float:
        began = time.perf_counter()
        worked = client.post({"prompt": PROMPT, "seconds": seconds})
        return time.perf_counter() - began - float(worked)

    return ask
