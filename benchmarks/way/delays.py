"""How late a reader sees a token: from the engine's hand to the arrival of its event."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import repeat
from urllib.parse import urlsplit

from benchmarks.way.asks import PROMPT, Client
from benchmarks.way.stamps import MADE, Passed, now

#: Of one stream: the job, and for each event how many tokens there were and when it came.
Streamed = tuple[str, list[tuple[int, int]]]


def read_streams(
    base_url: str, token: str, tokens: int, streams: int, concurrency: int
) -> list[Streamed]:
    """So many jobs, ``concurrency`` at a time, each followed from its beginning to its end."""
    with ThreadPoolExecutor(concurrency) as clients:
        asked = repeat((base_url, token, tokens), streams)
        return list(clients.map(_read_stream, *zip(*asked, strict=True)))


def delays_of(streams: list[Streamed], emitted: Mapping[str, Passed]) -> list[float]:
    """Milliseconds for every token; one that came with later ones waited for them."""
    delays = []
    for job_id, events in streams:
        known = 0
        for after, at in events:
            made = (emitted[job_id][f"{MADE}{number}"] for number in range(known + 1, after + 1))
            delays += [(at - moment) / 1e6 for moment in made]
            known = max(known, after)
    return delays


def _read_stream(base_url: str, token: str, tokens: int) -> Streamed:
    headers, parts = {"Authorization": f"Bearer {token}"}, urlsplit(base_url)
    body = {"prompt": PROMPT, "max_tokens": tokens}
    job_id = str(Client(f"{base_url}/generate", headers).post(body)["id"])
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    connection.request("GET", f"/jobs/{job_id}/events", headers=headers)
    events, after, name = [], 0, ""
    for line in connection.getresponse():
        if line.startswith(b"id: "):
            after = int(line[4:])
        elif line.startswith(b"event: "):
            name = line[7:].decode().strip()
        elif line.startswith(b"data: ") and name == "token":
            events.append((after, now()))
    connection.close()
    return job_id, events
