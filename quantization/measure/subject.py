"""What is measured, and the full-precision weights that it is compared with."""

import json
from pathlib import Path

from common.artifact import DEFAULT_SAFETENSORS, MANIFEST, Artifact, ArtifactError, open_artifact
from quantization.build.artifact import build, default_directory
from quantization.fetch import Report
from quantization.manifest import write_json
from quantization.progress import Track
from quantization.recipes import Recipe

#: Stored precisions that lose nothing that another could give back.
_FULL = frozenset({"none", "fp32", "fp16", "bf16"})


def find_subject(
    model: Artifact, recipe: Recipe, state_dir: Path, report: Report, track: Track
) -> Artifact:
    """The artifact of ``recipe``: ``model``, or what is built of it. Raises ArtifactError."""
    if model.recipe == recipe.name or model.quantization.lower() == recipe.name:
        return model
    if model.format == "gguf" or model.quantization not in _FULL or model.recipe is not None:
        stored = model.recipe or model.quantization
        raise ArtifactError(
            f"{model.path} is {stored}, not {recipe.name}: measure it as it is, or build "
            f"{recipe.name} from full precision first"
        )
    directory = default_directory(model, recipe, state_dir)
    return build(model, recipe, directory, state_dir, report=report, track=track)


def find_reference(subject: Artifact, given: str | None, state_dir: Path) -> Artifact | None:
    """The full-precision model that ``subject`` was made from, or None if it is not here."""
    if given:
        return _full(open_artifact(Path(given)))
    if subject.format == "safetensors" and subject.quantization == "none":
        return subject
    place = subject.manifest["source"].get("built_from")
    if place:
        built_from = (subject.tokenizer_path.parent / place).resolve()
        if built_from.exists():
            return _full(open_artifact(built_from))
    converted = state_dir / "models" / DEFAULT_SAFETENSORS
    if converted.exists():
        candidate = open_artifact(converted)
        if candidate.manifest["source"].get("converted_from") == subject.path.name:
            return candidate
    return None


#: Of a result: what a manifest says already, or what is too long for it.
_LEFT_OUT = frozenset({"artifact", "details", "spread"})


def remember(artifact: Artifact, result: dict[str, object]) -> None:
    """Put the numbers into the manifest of an artifact that the workshop built."""
    if artifact.recipe is None:
        return
    measured = {name: value for name, value in result.items() if name not in _LEFT_OUT}
    directory = artifact.path.parent if artifact.path.is_file() else artifact.path
    content = json.loads((directory / MANIFEST).read_text("utf-8"))
    write_json(directory / MANIFEST, content | {"measured": measured})


def _full(artifact: Artifact) -> Artifact:
    if artifact.format != "safetensors" or artifact.quantization not in _FULL:
        raise ArtifactError(f"{artifact.path} is no reference: it is {artifact.quantization}")
    return artifact
