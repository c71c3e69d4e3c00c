"""``python -m benchmarks.lookup``: explanations with and without prompt lookup, in turn.

The same model, prompts and seeds; what is drafted is what the engine finds worthwhile with the
costs that it measured when it was loaded.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.engine.apart import Apart
from benchmarks.lookup.answers import Explained, build, explanations
from benchmarks.lookup.settings import LookupBenchSettings
from benchmarks.pairs import ratio
from benchmarks.rows import Row, save
from common.artifact import resolve_model
from common.settings import CommonSettings
from quantization.commands.options import full_precision, report

#: Never a loss; less than this is noise.
GOAL = 0.98


def main() -> int:
    """Measure, save and print; exit status 1 where drafts make an engine slower."""
    settings = LookupBenchSettings()
    rows: list[Row] = []
    for engine, streams in settings.shapes():
        rows += _measured(engine, streams, settings)
    return save("lookup", settings, rows)


def _measured(engine: str, streams: list[int], settings: LookupBenchSettings) -> Iterator[Row]:
    model, drafts = _model(engine), settings.drafts
    ways = {
        tokens: Apart(build, model, engine, tokens, settings.temperature) for tokens in (drafts, 0)
    }
    for number in streams:
        turns: dict[int, list[Explained]] = {tokens: [] for tokens in ways}
        for turn in range(settings.rounds + 1):
            prompts = explanations(model, turn)
            for tokens, way in sorted(ways.items(), reverse=bool(turn % 2)):
                made = way.run("explain", prompts, number, settings.tokens)
                turns[tokens] += [made] if turn and isinstance(made, Explained) else []
        row = _row(engine, number, turns[drafts], turns[0])
        report(str(row))
        yield row
    for way in ways.values():
        way.close()


def _row(engine: str, streams: int, ours: list[Explained], plain: list[Explained]) -> Row:
    with_, without = ([one.tokens_per_second for one in ways] for ways in (ours, plain))
    gained = ratio(with_, without)
    accepted, drafted = sum(one.accepted for one in ours), sum(one.drafted for one in ours)
    share = accepted / sum(one.tokens for one in ours)
    return Row(
        what=f"{engine}, {streams} streams, explanations with prompt lookup beside without",
        ours=f"{median(with_):.0f} tokens/s, {share:.0%} of them from {drafted} drafted",
        peer=f"{median(without):.0f} tokens/s",
        ratio=gained,
        goal=f">= {GOAL}",
        met=gained.median >= GOAL,
    )


def _model(engine: str) -> Path:
    state_dir = CommonSettings().state_dir
    if engine == "llamacpp":
        return resolve_model(CommonSettings().model, "llamacpp", state_dir).resolve()
    return full_precision(None, state_dir).path


if __name__ == "__main__":
    sys.exit(main())
