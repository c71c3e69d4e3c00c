"""llama.cpp's own server: the program if there is one, else the same code in xllamacpp."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.stack.client import Client
from benchmarks.stack.ours import chat_stream
from benchmarks.stack.peers import Peer, served
from cli.ports import any_free
from worker.engines.cores import usable_cores

CONTEXT_TOKENS = 4096


def find_llama_server(named: Path | None) -> Path | None:
    """LLAMA_SERVER, or ``llama-server`` on PATH; None where there is neither."""
    found = named or shutil.which("llama-server")
    return Path(found) if found else None


@contextmanager
def llama_server(
    program: Path | None, model: Path, slots: int, max_tokens: int, log: Path
) -> Iterator[Peer]:
    """Serves ``model`` in ``slots`` of the worker's context, in as many threads as cores."""
    port, threads = any_free(), usable_cores()
    context = slots * CONTEXT_TOKENS
    if program:
        command = [str(program), "-m", str(model), "--host", "127.0.0.1", "--port", str(port)]
        command += ["-np", str(slots), "-c", str(context), "-t", str(threads)]
    else:
        command = [sys.executable, "-m", "benchmarks.llamacpp.wrapped", str(model)]
        command += [str(number) for number in (port, slots, context, threads)]
    with served(command, port, "/health", log) as process:
        yield Peer(process, chat_stream(Client(port), str(model), max_tokens))
