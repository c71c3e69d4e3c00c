"""``build``: quantize a model by a recipe."""

import argparse
from pathlib import Path

from common.settings import CommonSettings
from quantization.build.artifact import build, default_directory
from quantization.build.llama_cpp import CONVERTER, QUANTIZER, LlamaCpp
from quantization.commands.options import add_model, full_precision, report
from quantization.progress import track
from quantization.recipes import RECIPES, find_recipe


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser("build", help="quantize a model by a recipe")
    add_model(parser, CommonSettings())
    parser.add_argument(
        "--recipe", required=True, metavar="NAME", help=f"one of {', '.join(RECIPES)}"
    )
    parser.add_argument(
        "--output", type=Path, help="directory (default: STATE_DIR/models/<model>-<recipe>)"
    )
    parser.add_argument(
        "--llama-cpp",
        type=Path,
        metavar="DIR",
        help=f"write GGUF with llama.cpp's own {CONVERTER} and {QUANTIZER} from DIR",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    recipe = find_recipe(options.recipe)
    source = full_precision(options.model, options.state_dir)
    directory = options.output or default_directory(source, recipe, options.state_dir)
    artifact = build(
        source,
        recipe,
        directory,
        options.state_dir,
        report=report,
        track=track,
        llama_cpp=LlamaCpp.find(options.llama_cpp) if options.llama_cpp else None,
    )
    report(f"{artifact.bytes / 1e6:.1f} MB; serve it with `make run MODEL={artifact.path}`")
    print(artifact.path)
    return 0
