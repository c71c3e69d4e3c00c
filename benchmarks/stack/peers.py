"""Other servers of the same weights: ``transformers serve``, and a naive one."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx

from benchmarks.chaos.service import ROOT
from benchmarks.chaos.settings import inherited
from benchmarks.processes import Process
from benchmarks.stack.client import Client
from benchmarks.stack.ours import chat_stream
from benchmarks.stack.turns import Ask, Outcome, closed_loop, question
from benchmarks.waiting import wait_until
from cli.ports import any_free

_DTYPE = "bfloat16"
_START_SECONDS = 120.0
#: Room for three long answers; by default it takes most of the machine's memory.
_BLOCKS = ["--cb-block-size", "32", "--cb-num-blocks", "256"]


class Peer:
    """A server in one process."""

    def __init__(self, process: Process, ask: Ask) -> None:
        self._process = process
        self._ask = ask

    def run(self, jobs: Sequence[Sequence[int]]) -> Outcome:
        return closed_loop(self._ask, jobs)

    def pids(self) -> Mapping[str, int]:
        return {"server": self._process.pid}


@contextmanager
def transformers_serve(
    model: Path, max_tokens: int, log: Path, *, batching: bool = False
) -> Iterator[Peer]:
    """``transformers serve``, as it comes or with continuous batching."""
    port = any_free()
    command = [
        sys.executable,
        "-m",
        "transformers.cli.transformers",
        "serve",
        str(model),
        "--port",
        str(port),
    ]
    command += ["--device", "cpu", "--dtype", _DTYPE, "--host", "127.0.0.1"]
    command += ["--continuous-batching", *_BLOCKS] if batching else []
    with served(command, port, "/health", log) as process:
        yield Peer(process, chat_stream(Client(port), str(model), max_tokens))


@contextmanager
def naive(model: Path, max_tokens: int, log: Path) -> Iterator[Peer]:
    """FastAPI and ``generate`` behind a lock."""
    port = any_free()
    command = [sys.executable, "-m", "uvicorn", "--factory", "benchmarks.stack.naive:create_app"]
    command += ["--port", str(port), "--no-access-log", "--log-level", "warning"]
    model_settings = {"NAIVE_MODEL": str(model), "NAIVE_DTYPE": _DTYPE}
    with served(command, port, "/openapi.json", log, model_settings) as process:
        yield Peer(process, partial(_ask_naive, Client(port), max_tokens))


@contextmanager
def served(
    command: Sequence[str],
    port: int,
    health: str,
    log: Path,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Process]:
    """A program that serves on ``port``, once it answers ``health``."""
    offline = {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    environment = {**inherited(), **offline, **(settings or {})}
    process = Process("peer", command, log, environment)
    url = f"http://127.0.0.1:{port}{health}"
    try:
        wait_until(partial(_answers, process, url), _START_SECONDS, "an answer")
        yield process
    finally:
        process.kill()


def _answers(process: Process, url: str) -> bool:
    if process.returncode is not None:
        raise RuntimeError(f"the server has ended: {process.output()[-500:]}")
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _ask_naive(client: Client, max_tokens: int, number: int) -> int:
    body = {"prompt": question(number), "max_tokens": max_tokens}
    return int(json.loads(client.post("/generate", body))["tokens_used"])
