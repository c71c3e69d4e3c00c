"""``measure``: speed, memory and quality of one artifact, in the engine that will serve it."""

import argparse
from pathlib import Path
from typing import Any

from common.artifact import Artifact
from common.digests import verify_once
from common.settings import CommonSettings
from quantization.commands.options import add_model, given, report
from quantization.manifest import write_json
from quantization.measure.machine import command, versions
from quantization.measure.protocol import Protocol
from quantization.measure.subject import find_reference, find_subject, remember
from quantization.measure.windows import Windows, cut
from quantization.progress import track
from quantization.recipes import Recipe, find_recipe
from quantization.room import LIBRARIES_BYTES, check_memory

_DEFAULTS = Protocol()


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser("measure", help="speed, memory and quality of one artifact")
    add_model(parser, CommonSettings())
    parser.add_argument("--recipe", required=True, metavar="NAME", help="see build")
    parser.add_argument("--text", type=Path, help="text or .jsonl to score (default: our own)")
    parser.add_argument("--json", type=Path, metavar="OUT", help="where the result goes")
    parser.add_argument("--fresh", choices=["speed", "all"], help="measure again what was kept")
    parser.add_argument("--reference", help="the full-precision model (default: what it was of)")
    for name, text in {
        "window": "tokens scored at once",
        "divergence-tokens": "tokens for KL and top-1, two bytes each by the vocabulary on disk",
        "context-size": "tokens a slot, for speed and memory",
        "slots": "slots of the engine, for memory",
        "new-tokens": "tokens that each stream makes, for speed",
        "repeats": "how often each speed is measured",
    }.items():
        default = getattr(_DEFAULTS, name.replace("-", "_"))
        parser.add_argument(
            f"--{name}", type=_positive, default=default, help=f"{text} ({default})"
        )
    parser.add_argument("--batches", default="1,3,8", help="streams at once (1,3,8)")
    parser.add_argument("--reference-precision", choices=["fp32", "fp16", "bf16"], default="fp32")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from quantization.measure.measurement import Measurement, work_directory

    recipe = find_recipe(options.recipe)
    model = given(options.model, options.state_dir)
    artifact = find_subject(model, recipe, options.state_dir, report, track)
    verify_once(artifact, options.state_dir)
    reference = find_reference(artifact, options.reference, options.state_dir)
    protocol = _protocol(options)
    windows = cut(artifact, options.text, protocol.window)
    if reference is None:
        report("the full-precision model is not here (--reference): no KL, agreement, score")
    measurement = Measurement(
        artifact,
        recipe,
        reference,
        windows,
        protocol,
        work_directory(options.state_dir, reference, windows, protocol),
        track,
    )
    if options.fresh:
        measurement.forget(options.fresh)
    check_memory(LIBRARIES_BYTES + artifact.bytes)
    result = _result(artifact, recipe, measurement.speed(), measurement.quality())
    result["protocol"] = protocol.to_dict() | _text(windows)
    result |= {"versions": versions(), "command": command()}
    remember(artifact, result)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        write_json(options.json, result)
    _print(result)
    return 0


def _result(
    artifact: Artifact, recipe: Recipe, speed: dict[str, Any], quality: dict[str, Any]
) -> dict[str, Any]:
    first = speed.get("first_token")
    return {
        "model": artifact.name,
        "recipe": recipe.name,
        "title": recipe.title,
        "engine": recipe.engine,
        **quality,
        "artifact_bytes": artifact.bytes,
        "peak_memory_bytes": speed["peak_memory_bytes"],
        "engine_memory_bytes": speed["engine_memory_bytes"],
        "load_seconds": speed["load_seconds"],
        "time_to_first_token_seconds": first["median"] if first else None,
        "decode_tokens_per_second": {b: rate["median"] for b, rate in speed["decode"].items()},
        "joules_per_token": speed["joules_per_token"] or None,
        "spread": {"time_to_first_token_seconds": first, "decode": speed["decode"]},
        "device": speed["device"],
        "gpu_layers": speed["gpu_layers"],
        "machine": speed["machine"],
        "details": speed["details"],
        "artifact": {
            "name": artifact.path.name,
            "sha256": {file["name"]: file["sha256"] for file in artifact.manifest["files"]},
            "licence": artifact.manifest["licence"],
            "source": artifact.manifest["source"],
            "notes": artifact.manifest.get("notes", []),
        },
    }


def _protocol(options: argparse.Namespace) -> Protocol:
    return Protocol(
        window=options.window,
        divergence_tokens=options.divergence_tokens,
        context_size=options.context_size,
        slots=options.slots,
        batches=tuple(sorted({_positive(number) for number in options.batches.split(",")})),
        new_tokens=options.new_tokens,
        repeats=options.repeats,
        reference_precision=options.reference_precision,
    )


def _text(windows: Windows) -> dict[str, Any]:
    return {
        "text": windows.text_name,
        "text_sha256": windows.text_sha256,
        "text_tokens": windows.text_tokens,
        "windows": len(windows.ids),
        "window": len(windows.ids[0]),
    }


def _print(result: dict[str, Any]) -> None:
    for name in (
        "perplexity",
        "tokens_scored",
        "artifact_bytes",
        "peak_memory_bytes",
        "load_seconds",
        "time_to_first_token_seconds",
        "decode_tokens_per_second",
        "mean_kl",
        "top1_agreement",
        "perplexity_ratio",
        "quality_score",
    ):
        print(f"{name}: {result[name]}")
    print(f"quality_score = {result['protocol']['quality_score']}")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number
