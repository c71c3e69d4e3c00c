"""``finetune``: LoRA or QLoRA on explanations, merged and served by ``MODEL=DIR``."""

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from common.artifact import Artifact, ArtifactError, open_artifact
from common.settings import CommonSettings
from common.tokenizer import ModelTokenizer
from quantization.build.artifact import build
from quantization.commands.options import full_precision, report
from quantization.finetune.dataset import examples, read_rows, split
from quantization.finetune.merge import merge
from quantization.finetune.training import Training, train
from quantization.manifest import write_json
from quantization.progress import track
from quantization.recipes import Recipe, find_recipe
from quantization.room import LIBRARIES_BYTES, check_disk, check_memory

_DEFAULTS = Training()
_KNOBS = {
    "epochs": (float, "times that each row is learned from"),
    "max_steps": (int, "stop after so many steps, whatever the epochs"),
    "learning_rate": (float, "at its highest"),
    "batch_size": (int, "rows in a step"),
    "accumulation": (int, "steps whose gradients are added up"),
    "rank": (int, "of the adapters"),
    "longest": (int, "tokens of a row"),
    "save_steps": (int, "steps between checkpoints"),
    "seed": (int, "of shuffling and dropout"),
}


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    settings = CommonSettings()
    parser = commands.add_parser("finetune", help="teach a model to explain, by LoRA")
    parser.add_argument("--base-model", help="directory or hub id (default: SmolLM2-135M-Instruct)")
    parser.add_argument("--dataset", type=Path, help=".jsonl of {context, explanation} (ours)")
    parser.add_argument("--output-dir", type=Path, required=True, help="serve it by MODEL=DIR")
    parser.add_argument("--recipe", help="quantize the result too, into DIR/<recipe>")
    parser.add_argument("--qlora", action="store_true", help="the base model in NF4 meanwhile")
    parser.add_argument("--share", type=float, default=0.1, help="of the rows, to evaluate on")
    for name, (kind, text) in _KNOBS.items():
        default = getattr(_DEFAULTS, name)
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=kind, default=default, help=f"{text} ({default})")
    parser.add_argument("--state-dir", type=Path, default=settings.state_dir, help="(STATE_DIR)")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    recipe = find_recipe(options.recipe) if options.recipe else None
    rows = read_rows(options.dataset)
    _check_packages()
    base = full_precision(options.base_model, options.state_dir)
    training = Training(qlora=options.qlora, **{name: getattr(options, name) for name in _KNOBS})
    check_disk(options.output_dir, 3 * base.parameters * 2)
    check_memory(LIBRARIES_BYTES + base.parameters * (2 if options.qlora else 5))
    learned, asked = split(
        examples(rows, ModelTokenizer.load(base), training.longest), options.share
    )
    directory = options.output_dir / "training"
    result = train(base, training, learned, asked, directory)
    merged = merge(base, directory / "adapter", options.output_dir, result)
    write_json(directory / "report.json", result)
    report(
        f"perplexity of {len(asked)} explanations not learned from: "
        f"{result['perplexity_before']:.2f} before, {result['perplexity_after']:.2f} after"
    )
    print(merged.path)
    if recipe is not None:
        print(_quantize(merged, recipe, options))
    return 0


def _quantize(merged: Artifact, recipe: Recipe, options: argparse.Namespace) -> Any:
    directory = options.output_dir / recipe.name
    built = build(merged, recipe, directory, options.state_dir, report=report, track=track)
    return open_artifact(built.path).path


def _check_packages() -> None:
    missing = [name for name in ("torch", "transformers", "peft") if find_spec(name) is None]
    if missing:
        raise ArtifactError(
            f"finetune needs {', '.join(missing)}: "
            "run `pip install -e '.[api,transformers,quantization,workshop]'`"
        )
