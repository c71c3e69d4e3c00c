"""``python -m benchmarks.llamacpp``: our stack beside llama.cpp's own server, three streams each.

The same file, prompts, lengths and threads, greedy, in turn. Behind ours are a queue, a record
and a lease; behind llama-server there is llama.cpp alone.
"""

import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.llamacpp.server import find_llama_server, llama_server
from benchmarks.llamacpp.settings import LlamaCppBenchSettings
from benchmarks.pairs import ratio
from benchmarks.rows import Row, save
from benchmarks.stack.bare import Bare
from benchmarks.stack.ours import Stack, running, streaming
from benchmarks.stack.turns import Contender, in_turn, milliseconds_a_token
from common.artifact import resolve_model
from common.settings import CommonSettings

GOAL = 1.0
PEER, OURS, BARE = "llama-server", "stack, streamed", "bare engine"


def main() -> int:
    """Measure, save and print; exit status 1 where the goal is missed."""
    settings, common = LlamaCppBenchSettings(), CommonSettings()
    model = resolve_model(common.model, "llamacpp", common.state_dir).resolve()
    program = find_llama_server(settings.llama_server)
    environment = {"ENGINE": "llamacpp", "MODEL": str(model)}
    with ExitStack() as stack:
        logs = Path(stack.enter_context(TemporaryDirectory(prefix="llamacpp-bench-")))
        service = stack.enter_context(running(environment))
        bare = Bare(environment | {"STATE_DIR": str(logs)}, settings.tokens, logs / "bare.log")
        stack.callback(bare.close)
        peer = llama_server(program, model, settings.clients, settings.tokens, logs / "peer.log")
        ours = Stack(service, streaming(service, settings.tokens))
        ways: dict[str, Contender] = {OURS: ours, PEER: stack.enter_context(peer), BARE: bare}
        turns = in_turn(ways, settings.rounds, settings.clients, settings.jobs)
    speeds = {name: [turn.tokens_per_second for turn in found] for name, found in turns.items()}
    rows = [_row(name, speeds[name], speeds[PEER]) for name in (OURS, BARE)]
    cost = {name: milliseconds_a_token(found) for name, found in turns.items()}
    which = program.name if program else "xllamacpp's copy of its code, in a process of its own"
    return save("llamacpp", settings, rows, peer=which, cpu_ms_a_token=cost)


def _row(name: str, ours: list[float], theirs: list[float]) -> Row:
    found = ratio(ours, theirs)
    claimed = name == OURS
    return Row(
        what=f"llamacpp: {name}, tokens/s beside llama-server's own HTTP, 3 streams",
        ours=f"{median(ours):.1f} tokens/s",
        peer=f"{PEER} {median(theirs):.1f}",
        ratio=found,
        goal=f">= {GOAL:.2f}" if claimed else "",
        met=not claimed or found.median >= GOAL,
    )


if __name__ == "__main__":
    sys.exit(main())
