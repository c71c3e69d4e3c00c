"""The stack: Valkey, gateway and one worker, asked over HTTP."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from benchmarks.chaos.service import Service
from benchmarks.stack.client import Client
from benchmarks.stack.turns import Ask, Outcome, closed_loop, question
from benchmarks.valkey import ValkeyServer


class Stack:
    """Asks a running service; ``ask`` is made by one of the functions below."""

    def __init__(self, service: Service, ask: Ask) -> None:
        self._service = service
        self._ask = ask

    def run(self, jobs: Sequence[Sequence[int]]) -> Outcome:
        return closed_loop(self._ask, jobs)

    def pids(self) -> Mapping[str, int]:
        return self._service.pids() | {"client": os.getpid()}


@contextmanager
def running(environment: Mapping[str, str]) -> Iterator[Service]:
    """The service with one worker that has ``environment`` for settings."""
    with TemporaryDirectory(prefix="stack-bench-") as name:
        directory = Path(name)
        valkey = ValkeyServer(directory)
        valkey.start()
        service = Service(directory, valkey, **{"PROMETHEUS_ENABLED": "true", **environment})
        try:
            service.start(workers=1)
            yield service
        finally:
            service.stop()


def long_polling(service: Service, max_tokens: int) -> Ask:
    """``POST /generate`` that waits for its job."""
    client = _client(service)
    body = {"max_tokens": max_tokens, "temperature": 0}

    def ask(number: int) -> int:
        asked = body | {"prompt": question(number)}
        job = json.loads(client.post("/generate", asked, {"Prefer": "wait=60"}))
        if job["status"] != "completed":
            raise RuntimeError(f"the job is {job['status']}")
        return int(job["result"]["tokens_used"])

    return ask


def streaming(service: Service, max_tokens: int) -> Ask:
    """``POST /v1/chat/completions`` that is read token by token."""
    headers = {"Authorization": f"Bearer {service.token()}"}
    models = httpx.get(f"{service.base_url}/v1/models", headers=headers, trust_env=False)
    model = models.raise_for_status().json()["data"][0]["id"]
    return chat_stream(_client(service), model, max_tokens)


def chat_stream(client: Client, model: str, max_tokens: int) -> Ask:
    """A streamed chat completion of any server; the tokens are what it says it used."""
    body = {
        "model": model,
        "max_tokens": max_tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }

    def ask(number: int) -> int:
        asked = body | {"messages": [{"role": "user", "content": question(number)}]}
        return tokens_used(client.post("/v1/chat/completions", asked))

    return ask


def tokens_used(stream: bytes) -> int:
    """``completion_tokens`` of the last event that has them. Raises ValueError without."""
    _, found, after = stream.rpartition(b'"completion_tokens":')
    if not found:
        raise ValueError(f"a stream without usage: ...{stream[-200:]!r}")
    return int(after.lstrip().partition(b",")[0].rstrip(b"} \n"))


def _client(service: Service) -> Client:
    port = int(service.base_url.rpartition(":")[2])
    return Client(port, {"Authorization": f"Bearer {service.token()}"})
