"""A real OpenAI-compatible server as a process, and an engine that asks it."""

import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from cli.ports import any_free
from common.prompt import Message, Prompt, Role
from common.tokenizer import ModelTokenizer
from tests.support.engines import CONTEXT_SIZE, SLOTS, Bench, default_artifacts
from tests.support.processes import Process
from tests.support.waiting import wait_until
from worker.engines import create_engine
from worker.engines.base import Generation
from worker.engines.settings import EngineSettings, UpstreamSettings

ROOT = Path(__file__).parents[2]


class UpstreamServer:
    """xllamacpp's own HTTP server on the default model."""

    def __init__(self, directory: Path, slots: int = SLOTS, context: int = CONTEXT_SIZE) -> None:
        self.port = any_free()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._log = directory / "upstream.log"
        self._numbers = [str(number) for number in (self.port, slots, context)]

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "tests.support.upstream_server", *self._numbers]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "PASSIVE"}
        self.process = Process("upstream", command, self._log, env)
        wait_until(self._answers, 60, "the upstream's answer")

    def stop(self) -> None:
        """Kill it: it has no manners of its own."""
        self.process.kill()

    def _answers(self) -> bool:
        assert self.process.returncode is None, self.process.output()
        try:
            return httpx.get(f"{self.url}/models", trust_env=False).is_success
        except httpx.TransportError:
            return False


class UpstreamBench(Bench):
    """Asks by prompt, where the others ask by ids."""

    def request(self, question: str, resume: Iterable[int] = (), **knobs: Any) -> Generation:
        """As Bench, with the conversation itself."""
        prompt = Prompt(messages=(Message(Role.USER, question),))
        return replace(super().request(question, resume, **knobs), prompt=prompt)

    def endless(self, prompt_tokens: int = 40, **knobs: Any) -> Generation:
        """As Bench; the prompt is raw text of so many tokens."""
        ids = self.tokenizer.encode(Prompt(text="one two three " * CONTEXT_SIZE))[:prompt_tokens]
        prompt = Prompt(text=self.tokenizer.decode(ids))
        return replace(super().endless(prompt_tokens, **knobs), prompt=prompt)


def open_upstream_bench(url: str, **upstream: Any) -> UpstreamBench:
    """An engine that asks the server at ``url``; the tokenizer is the model's."""
    settings = EngineSettings(
        slots=SLOTS, context_size=CONTEXT_SIZE, upstream=UpstreamSettings(url=url, **upstream)
    )
    tokenizer = ModelTokenizer.load(default_artifacts()["gguf"])
    engine = create_engine("openai", settings, None, tokenizer)
    engine.load()
    return UpstreamBench("openai", engine, tokenizer)
