"""``python -m benchmarks.stack.bare``: the engine alone, driven by a thread for each client.

Reads the settings of a worker. Each line of its input is the jobs of a turn, and each line of
its output what became of one.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from threading import Event

from benchmarks.chaos.service import ROOT
from benchmarks.chaos.settings import inherited
from benchmarks.stack.turns import Outcome, closed_loop, question
from common.prompt import Message, Prompt, Role
from common.sampling import Sampling
from worker.engines.base import Generation
from worker.model import Model, load_model
from worker.settings import WorkerSettings


class Bare:
    """The engine in a process of its own, with the worker's settings."""

    def __init__(self, environment: Mapping[str, str], max_tokens: int, log: Path) -> None:
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(max_tokens)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**inherited(), **environment, "PYTHONPATH": str(ROOT)},
            )
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("pipes were asked for")
        self._process, self._questions, self._answers = process, process.stdin, process.stdout
        self._read()

    def run(self, jobs: Sequence[Sequence[int]]) -> Outcome:
        self._questions.write(json.dumps(jobs) + "\n")
        self._questions.flush()
        return Outcome(*json.loads(self._read()))

    def pids(self) -> Mapping[str, int]:
        return {"engine": self._process.pid}

    def close(self) -> None:
        """End the process; the last call."""
        self._process.kill()
        self._process.communicate()

    def _read(self) -> str:
        line = self._answers.readline()
        if not line:
            raise RuntimeError("the bare engine has ended: see its log")
        return line


def main() -> None:
    """Load the model, say so, and answer turn after turn."""
    answers = sys.stdout
    with redirect_stdout(sys.stderr):  # where logs belong
        model, max_tokens = load_model(WorkerSettings()), int(sys.argv[1])
        print(json.dumps("ready"), file=answers, flush=True)
        for line in sys.stdin:
            outcome = _run(model, json.loads(line), max_tokens)
            print(json.dumps(outcome), file=answers, flush=True)


def _run(model: Model, jobs: Sequence[Sequence[int]], max_tokens: int) -> Outcome:
    sampling = Sampling(max_tokens=max_tokens, temperature=0)

    def ask(number: int) -> int:
        prompt = Prompt(messages=(Message(Role.USER, question(number)),))
        request = Generation(model.tokenizer.encode(prompt), sampling)
        return model.engine.generate(request, lambda _: None, Event()).new_tokens

    return closed_loop(ask, jobs)


if __name__ == "__main__":
    main()
