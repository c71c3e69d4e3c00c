"""``python -m benchmarks.stack``: tokens a second through the whole stack, and where the rest went.

The stack (gateway, Valkey, worker) beside the bare engine in a process of its own with a thread
for each slot; with transformers, beside other servers of the same weights, too. The same prompts
and lengths, greedy, in turn.
"""

import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.pairs import ratio
from benchmarks.rows import Row, save
from benchmarks.stack.bare import Bare
from benchmarks.stack.ours import Stack, long_polling, running, streaming
from benchmarks.stack.peers import naive, transformers_serve
from benchmarks.stack.settings import StackBenchSettings
from benchmarks.stack.turns import Contender, Turn, in_turn, milliseconds_a_token
from common.settings import CommonSettings
from quantization.commands.options import report
from quantization.fetch import fetch

#: Least part of the bare engine's tokens a second.
GOAL = 0.95
POLLED, STREAMED, BARE = "stack, long-polled", "stack, streamed", "bare engine"

#: The engine for each format of the default model.
ENGINES = {"gguf": "llamacpp", "safetensors": "transformers"}

Turns = dict[str, list[Turn]]


def main() -> int:
    """Measure, save and print; exit status 1 where a goal is missed."""
    settings = StackBenchSettings()
    artifacts = fetch(None, CommonSettings().state_dir, report)
    models = {ENGINES[artifact.format]: artifact.path for artifact in artifacts}
    rows: list[Row] = []
    cpu: dict[str, dict[str, dict[str, float]]] = {}
    for engine in settings.engines.split():
        turns, others = _measure(engine, models[engine], settings)
        rows += [_row(engine, turns, ours, BARE, GOAL) for ours in (POLLED, STREAMED)]
        rows += [_row(engine, others, POLLED, name, 1.0) for name in others if name != POLLED]
        cpu[engine] = {
            name: milliseconds_a_token(found) for name, found in (others | turns).items()
        }
    status = save("stack", settings, rows, cpu_ms_a_token=cpu)
    for engine, ways in cpu.items():
        for name, parts in ways.items():
            shown = ", ".join(f"{part} {cost:.2f}" for part, cost in parts.items())
            print(f"{engine}, {name}: CPU ms a token: {shown}")  # noqa: T201
    return status


def _measure(engine: str, model: Path, settings: StackBenchSettings) -> tuple[Turns, Turns]:
    """The turns beside the bare engine, and those beside other servers, if there are any."""
    environment = {"ENGINE": engine, "MODEL": str(model.resolve()), "QUANTIZATION": "bf16"}
    with ExitStack() as stack:
        logs = Path(stack.enter_context(TemporaryDirectory(prefix="stack-bench-logs-")))
        service = stack.enter_context(running(environment))
        bare = Bare(environment | {"STATE_DIR": str(logs)}, settings.tokens, logs / "bare.log")
        stack.callback(bare.close)
        polled = Stack(service, long_polling(service, settings.tokens))
        streamed = Stack(service, streaming(service, settings.tokens))
        ways: dict[str, Contender] = {POLLED: polled, BARE: bare, STREAMED: streamed}
        turns = in_turn(ways, settings.rounds, settings.clients, settings.jobs)
        if engine != "transformers":
            return turns, {}
        servers = {
            "transformers serve": transformers_serve(model, settings.tokens, logs / "serve.log"),
            "FastAPI and generate": naive(model, settings.tokens, logs / "naive.log"),
        }
        others = {name: stack.enter_context(server) for name, server in servers.items()}
        ways = {POLLED: polled, **others}
        return turns, in_turn(ways, settings.peer_rounds, settings.clients, settings.jobs)


def _row(engine: str, turns: Turns, ours: str, peer: str, goal: float) -> Row:
    speeds = {name: [turn.tokens_per_second for turn in turns[name]] for name in (ours, peer)}
    found = ratio(speeds[ours], speeds[peer])
    return Row(
        what=f"{engine}: {ours}, tokens/s beside {peer}",
        ours=f"{median(speeds[ours]):.1f} tokens/s",
        peer=f"{peer} {median(speeds[peer]):.1f}",
        ratio=found,
        goal=f">= {goal:.2f}" if goal < 1 else "> 1.00",
        met=found.median >= goal if goal < 1 else found.median > goal,
    )


if __name__ == "__main__":
    sys.exit(main())
