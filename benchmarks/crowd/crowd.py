"""A crowd of clients in one process."""

import asyncio
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import httpx

from benchmarks.crowd.clients import Reader
from benchmarks.crowd.tally import Heard

#: Connections that are opened at once: the rest of the backlog is for others.
AT_ONCE = 200
PROMPT = "Explain what an implied volatility rank of 65 says about the options of AAPL."

#: Makes a reader of a job, with a token, that says when it has heard all.
Kind = Callable[[str, str, Callable[[], None]], Reader]


class Crowd:
    """All clients of one process; each follows the next of ``jobs``."""

    def __init__(self, url: str, token: str, jobs: Sequence[str]) -> None:
        self._address = urlsplit(url)
        self._token = token
        self._jobs = jobs
        self._readers: list[Reader] = []
        self._ended = 0
        self._all_heard = asyncio.Event()

    async def come(self, kind: Kind, count: int) -> list[Heard]:
        """So many more, all connected."""
        come = []
        for number in range(count):
            job_id = self._jobs[number % len(self._jobs)]
            come.append(kind(job_id, self._token, self._one_ended))
        for start in range(0, count, AT_ONCE):
            await asyncio.gather(*map(self._connect, come[start : start + AT_ONCE]))
        self._readers += come
        return [one.heard for one in come]

    async def heard_all(self) -> None:
        """Return once everybody's job has ended."""
        await self._all_heard.wait()

    def leave(self) -> None:
        """Close every connection."""
        for reader in self._readers:
            reader.close()

    async def _connect(self, reader: Reader) -> None:
        loop, at = asyncio.get_running_loop(), self._address
        await loop.create_connection(lambda: reader, at.hostname or "", at.port or 0)

    def _one_ended(self) -> None:
        self._ended += 1
        if self._ended == len(self._readers):
            self._all_heard.set()


def submit(url: str, token: str, jobs: int, tokens: int) -> list[str]:
    """Their ids."""
    headers = {"Authorization": f"Bearer {token}"}
    body = {"prompt": PROMPT, "max_tokens": tokens, "timeout_seconds": 600}
    with httpx.Client(base_url=url, headers=headers, trust_env=False) as client:
        answers = [client.post("/generate", json=body).raise_for_status() for _ in range(jobs)]
    return [answer.json()["id"] for answer in answers]
