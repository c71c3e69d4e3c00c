"""``inspect``: what an artifact is, and whether its files are sound."""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from common.artifact import Artifact
from common.digests import verify_once
from common.settings import CommonSettings
from quantization.checkpoint import Checkpoint
from quantization.commands.options import given
from quantization.gguf_file import GgufFile
from quantization.soundness import check_weights
from quantization.weights import read_header

_NOTHING = "\N{EN DASH}"


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    settings = CommonSettings()
    parser = commands.add_parser("inspect", help="what a model is; its files are verified")
    parser.add_argument("model", nargs="?", default=settings.model, help="directory or .gguf file")
    parser.add_argument("--state-dir", type=Path, default=settings.state_dir, help="(STATE_DIR)")
    parser.add_argument("--json", action="store_true", help="the same for programs")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    artifact = given(options.model, options.state_dir)
    if artifact.format == "safetensors":
        check_weights(Checkpoint.read(artifact.path))
    verify_once(artifact, options.state_dir)
    found = describe(artifact)
    if options.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    for name, value in found.items():
        print(f"{name}: {_text(value)}")
    return 0


def describe(artifact: Artifact) -> dict[str, Any]:
    """What a person wants to know of an artifact."""
    manifest = artifact.manifest
    return {
        "path": str(artifact.path),
        "name": artifact.name,
        "format": artifact.format,
        "quantization": artifact.quantization,
        "recipe": artifact.recipe,
        "parameters": artifact.parameters,
        "bytes": artifact.bytes,
        "bits_per_parameter": round(8 * artifact.bytes / artifact.parameters, 2),
        "context_size": artifact.context_size,
        "tensors": _types(artifact),
        "licence": manifest["licence"],
        "source": dict(manifest["source"]),
        "tools": dict(manifest["tools"]),
        "created": manifest["created"],
        "files": [f"{file['name']} {file['sha256'][:12]}" for file in manifest["files"]],
        "measured": manifest.get("measured"),
        "notes": list(manifest.get("notes", ())),
    }


def _types(artifact: Artifact) -> dict[str, int]:
    """How many tensors there are of each type."""
    if artifact.format == "gguf":
        return dict(Counter(GgufFile.read(artifact.path).tensor_types))
    headers = [read_header(path) for path in sorted(artifact.path.glob("*.safetensors"))]
    return dict(Counter(tensor["dtype"] for header in headers for tensor in header.values()))


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return (
            ", ".join(f"{key} {item}" for key, item in value.items() if _is_short(item)) or _NOTHING
        )
    if isinstance(value, list):
        return "; ".join(str(item) for item in value) or _NOTHING
    return _NOTHING if value is None else str(value)


def _is_short(value: Any) -> bool:
    return not isinstance(value, dict | list)
