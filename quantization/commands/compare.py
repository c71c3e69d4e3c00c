"""``compare``: a table, plots and a recommendation from what ``measure`` wrote."""

import argparse
import os
import re
from pathlib import Path

from common.artifact import ArtifactError
from quantization.commands.options import report
from quantization.compare.choice import PREFERENCES, Rules
from quantization.compare.plots import draw
from quantization.compare.report import markdown, summary
from quantization.compare.rows import read_rows
from quantization.manifest import write_json, write_text
from quantization.measure.machine import command

_DEFAULTS = Rules()
_UNITS = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser("compare", help="table, plots and recommendation of measurements")
    parser.add_argument("results", type=Path, nargs="+", help="files that measure --json wrote")
    parser.add_argument("--output", type=Path, metavar="FILE.md", help="report, .json and plots")
    parser.add_argument("--max-memory", type=parse_size, metavar="12GB", help="peak, at most")
    parser.add_argument(
        "--min-quality", type=float, default=_DEFAULTS.min_quality, help="for the best overall"
    )
    parser.add_argument(
        "--floor", type=float, default=_DEFAULTS.floor, help="where resources are constrained"
    )
    parser.add_argument("--prefer", choices=PREFERENCES, default=_DEFAULTS.prefer)
    parser.set_defaults(run=_run)


def parse_size(text: str) -> int:
    """Bytes of "12GB", "800 MiB" or "1e9"."""
    match = re.fullmatch(r"([\d.]+(?:e\d+)?)\s*([kmg]?i?)b?", text.strip().lower())
    if match is None or match[2] not in _UNITS:
        raise argparse.ArgumentTypeError(f"{text} is no size such as 12GB")
    return int(float(match[1]) * _UNITS[match[2]])


def _run(options: argparse.Namespace) -> int:
    rows = read_rows(options.results)
    rules = Rules(options.max_memory, options.min_quality, options.floor, options.prefer)
    output = options.output
    if output is None:
        print(markdown(rows, rules, (), command()))
        return 0
    if output.suffix != ".md":
        raise ArtifactError(f"--output is a .md file, not {output}")
    output.parent.mkdir(parents=True, exist_ok=True)
    pictures = draw(rows, output.parent, output.stem)
    shown = [os.path.relpath(path, output.parent) for path in pictures if path.suffix == ".svg"]
    write_text(output, markdown(rows, rules, shown, command()))
    write_json(output.with_suffix(".json"), summary(rows, rules))
    for path in (output, output.with_suffix(".json"), *pictures):
        report(f"wrote {path}")
    print(markdown(rows, rules, shown, command()).partition("## Speed and loss")[0])
    return 0
