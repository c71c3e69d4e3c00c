"""``python -m benchmarks.engine``: the slot engine beside transformers' own ways, in one run.

Whole jobs, prefill included: the same prompts and weights, answered in turn by our slots, by
transformers' continuous batching and by ``generate`` one by one; all with GOMP_SPINCOUNT=10000,
as on a machine that does nothing else.
"""

import sys
from collections.abc import Iterator, Mapping
from statistics import median

from benchmarks.engine.apart import Apart, alone
from benchmarks.engine.builds import (
    STREAMS,
    evaluation_ids,
    ours_in_slots,
    stall,
    transformers_own,
)
from benchmarks.engine.contenders import Prompts
from benchmarks.engine.settings import EngineBenchSettings
from benchmarks.engine.stall import Stall
from benchmarks.pairs import ratio
from benchmarks.rows import Row, save
from common.artifact import Artifact
from common.settings import CommonSettings
from quantization.commands.options import full_precision, report
from worker.engines.settings import Quantization
from worker.engines.transformers.environment import own_the_machine

#: Least ratio of our tokens per second to a peer's, by streams.
GOALS: Mapping[str, Mapping[int, float]] = {
    "continuous batching": {3: 1.4, 8: 1.7, 16: 1.7},
    "one by one": {3: 2.0},
}
MOST_STALLED_STEPS = 2.0

Rates = Mapping[str, list[float]]


def main() -> int:
    """Measure, save and print; exit status 1 where a goal is missed."""
    settings = EngineBenchSettings()
    own_the_machine()
    artifact = full_precision(None, CommonSettings().state_dir)
    rows: list[Row] = []
    ours: dict[tuple[str, int], list[float]] = {}
    for precision, streams in settings.shapes():
        for number in streams:
            rates = _compare(artifact, Quantization(precision), number, settings)
            ours[precision, number] = rates["slots"]
            found = list(_rows(precision, number, rates))
            if number == STREAMS:
                found += _stall_rows(
                    precision, alone(stall, artifact, Quantization(precision), settings)
                )
            report("\n".join(map(str, found)))
            rows += found
    return save("engine", settings, [*rows, *_precision_rows(ours)])


def _compare(
    artifact: Artifact, precision: Quantization, streams: int, settings: EngineBenchSettings
) -> Rates:
    """Tokens per second of each way and turn.

    In fresh processes: a second continuous batching in one is a third slower.
    """
    ours = Apart(ours_in_slots, artifact, precision, streams)
    theirs = Apart(transformers_own, artifact, precision, streams, settings.max_tokens)
    ways = {"slots": ours, "continuous batching": theirs}
    if streams == STREAMS:
        ways["one by one"] = theirs
    rates: dict[str, list[float]] = {name: [] for name in ways}
    text = evaluation_ids(artifact)
    for turn in range(settings.rounds + 1):  # the first one warms up
        asked = _prompts(text, settings.prompt_tokens, 2 * streams, turn)[: None if turn else 1]
        for name, way in ways.items():
            outcome = way.run(name, asked, streams, settings.max_tokens)
            rates[name] += [outcome.tokens_per_second] if turn else []
    ours.close()
    theirs.close()
    return rates


def _prompts(text: list[int], length: int, count: int, turn: int) -> Prompts:
    """Different stretches of ``length`` tokens; in each turn others, so that no cache knows them."""
    step = (len(text) - length - turn) // count
    return [text[start * step + turn :][:length] for start in range(count)]


def _rows(precision: str, streams: int, rates: Rates) -> Iterator[Row]:
    for peer, theirs in rates.items():
        if peer == "slots":
            continue
        gained, goal = ratio(rates["slots"], theirs), GOALS[peer].get(streams)
        yield Row(
            what=f"{precision}, {streams} streams, whole jobs, beside {peer}",
            ours=f"{median(rates['slots']):.0f} tokens/s",
            peer=f"{median(theirs):.0f} tokens/s",
            ratio=gained,
            goal=f">= {goal}" if goal else "",
            met=goal is None or gained.median >= goal,
        )


def _stall_rows(precision: str, stall: Stall) -> Iterator[Row]:
    stalled = stall.longest_wait - 1
    yield Row(
        what=f"{precision}, the most that a token is held up while a long prompt is read",
        ours=f"{stalled:.2f} ordinary steps of {1e3 * stall.step_seconds:.0f} ms",
        peer="",
        ratio=None,
        goal=f"<= {MOST_STALLED_STEPS} steps",
        met=stalled <= MOST_STALLED_STEPS,
    )
    yield Row(
        what=f"{precision}, first token of a long prompt that a slot has read already",
        ours=f"{1e3 * stall.second_read_seconds:.0f} ms",
        peer=f"{1e3 * stall.first_read_seconds:.0f} ms the first time",
        ratio=None,
        goal="",
        met=True,
    )


def _precision_rows(ours: Mapping[tuple[str, int], list[float]]) -> Iterator[Row]:
    """INT4 beside BF16 in the same number of slots, turn by turn."""
    full, quantized = ours.get(("bf16", STREAMS)), ours.get(("nf4", STREAMS))
    if full and quantized:
        gained = ratio(quantized, full)
        yield Row(
            what=f"nf4 beside bf16, {STREAMS} streams",
            ours=f"{median(quantized):.0f} tokens/s",
            peer=f"{median(full):.0f} tokens/s",
            ratio=gained,
            goal=">= 1",
            met=gained.median >= 1,
        )


if __name__ == "__main__":
    sys.exit(main())
