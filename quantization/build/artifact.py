"""From full-precision weights and a recipe to a labelled artifact, or nothing at all."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from common.artifact import CHAT_TEMPLATE, TOKENIZER, Artifact, ArtifactError, open_artifact
from common.digests import verify_once
from quantization.build.gguf import write_gguf
from quantization.build.llama_cpp import LlamaCpp, NotKnownHere
from quantization.build.safetensors import write_safetensors
from quantization.checkpoint import Checkpoint
from quantization.fetch import Report
from quantization.gguf_file import GgufFile
from quantization.manifest import Manifest, tool_versions
from quantization.progress import Track
from quantization.recipes import Recipe
from quantization.room import LIBRARIES_BYTES, check_disk, check_memory
from quantization.soundness import check_llama, check_weights
from quantization.staging import locked, staged


def build(
    source: Artifact,
    recipe: Recipe,
    directory: Path,
    state_dir: Path,
    *,
    report: Report,
    track: Track,
    llama_cpp: LlamaCpp | None = None,
) -> Artifact:
    """Return the artifact in ``directory``, making it if it is not there.

    ``llama_cpp`` writes GGUF instead of this package; for a model that is not known here it is
    looked for on PATH.
    Everything that can be checked is checked before any work. Raises ArtifactError.
    """
    with locked(directory.with_name(f".{directory.name}.lock")):
        found = _made_before(source, recipe, directory)
        if found is not None:
            return found
        check(source, recipe, directory, state_dir)
        report(f"building {recipe.name} of {source.name}: {recipe.method}")
        with staged(directory) as stage:
            if recipe.is_gguf:
                _build_gguf(source, recipe, stage, llama_cpp, report, track)
            else:
                _build_safetensors(source, recipe, stage)
        return open_artifact(directory)


def check(source: Artifact, recipe: Recipe, directory: Path, state_dir: Path) -> None:
    """Raises ArtifactError where the build could not end well."""
    if source.format != "safetensors" or source.quantization not in (
        "none",
        "fp16",
        "fp32",
        "bf16",
    ):
        raise ArtifactError(
            f"{source.path} is quantized already ({source.quantization}): to quantize it again is to "
            "lose twice. Build from safetensors in full precision"
        )
    checkpoint = Checkpoint.read(source.path)
    check_llama(checkpoint)
    check_weights(checkpoint)
    verify_once(source, state_dir)
    _check_packages(recipe)
    check_disk(directory, stored_bytes(source, recipe))
    check_memory(working_bytes(source, recipe))


def stored_bytes(source: Artifact, recipe: Recipe) -> int:
    """About how large the artifact will be; embeddings of small models stay in 16 bits."""
    return int(source.parameters * max(recipe.bits, 8) / 8 * 1.2) + 20_000_000


def working_bytes(source: Artifact, recipe: Recipe) -> int:
    """About how much memory the build takes."""
    if recipe.is_gguf:  # tensor by tensor
        return LIBRARIES_BYTES + source.parameters // 2
    return LIBRARIES_BYTES + int(source.parameters * (2 + recipe.bits / 8))


def default_directory(source: Artifact, recipe: Recipe, state_dir: Path) -> Path:
    """Where the artifact goes unless somebody says otherwise."""
    return state_dir / "models" / f"{source.name}-{recipe.name}"


def _made_before(source: Artifact, recipe: Recipe, directory: Path) -> Artifact | None:
    if not directory.exists():
        return None
    try:
        found = open_artifact(directory)
    except ArtifactError:
        found = None
    if found is None or found.recipe != recipe.name or _origin(found) != _origin_of(source):
        raise ArtifactError(f"{directory} holds something else: move it, or name another --output")
    return found


def _origin(artifact: Artifact) -> object:
    return artifact.manifest["recipe"].get("source_sha256")


def _origin_of(source: Artifact) -> list[str]:
    """The digests of the weights that it is made from."""
    wanted = set(source.manifest["weights"])
    return [file["sha256"] for file in source.manifest["files"] if file["name"] in wanted]


def _build_gguf(
    source: Artifact,
    recipe: Recipe,
    stage: Path,
    llama_cpp: LlamaCpp | None,
    report: Report,
    track: Track,
) -> None:
    path = stage / f"{source.name}.{recipe.file_type!s}.gguf"
    tools = _write_gguf(source, recipe, path, llama_cpp, report, track)
    for name in (TOKENIZER, CHAT_TEMPLATE):
        if (source.path / name).exists():
            shutil.copy(source.path / name, stage / name)
    quantization = GgufFile.read(path).quantization
    _label(source, recipe, stage, [path.name], "gguf", quantization, tools)


def _write_gguf(
    source: Artifact,
    recipe: Recipe,
    path: Path,
    llama_cpp: LlamaCpp | None,
    report: Report,
    track: Track,
) -> dict[str, str]:
    """Write the file; the versions of what wrote it."""
    if llama_cpp is None:
        try:
            write_gguf(source, recipe, path, track)
        except NotKnownHere as unknown:
            llama_cpp = _asked_instead(unknown)
            report(f"{unknown}: llama.cpp's own programs are asked")
        else:
            return tool_versions("gguf", "xllamacpp")
    llama_cpp.write(source, recipe, path, report)
    return tool_versions("gguf") | llama_cpp.digests()


def _asked_instead(unknown: NotKnownHere) -> LlamaCpp:
    try:
        return LlamaCpp.find()
    except ArtifactError as missing:
        raise ArtifactError(f"{unknown}, and {missing}") from None


def _build_safetensors(source: Artifact, recipe: Recipe, stage: Path) -> None:
    write_safetensors(source, recipe, stage)
    weights = sorted(path.name for path in stage.glob("*.safetensors"))
    tools = tool_versions("torch", "transformers", "bitsandbytes")
    _label(source, recipe, stage, weights, "safetensors", recipe.name, tools)


def _label(
    source: Artifact,
    recipe: Recipe,
    stage: Path,
    weights: list[str],
    file_format: str,
    quantization: str,
    tools: dict[str, str],
) -> None:
    Manifest(
        name=source.name,
        source=source.manifest["source"] | {"built_from": os.path.relpath(source.path, stage)},
        licence=source.manifest["licence"],
        format=file_format,
        quantization=quantization,
        context_size=source.context_size,
        parameters=source.parameters,
        eos_token_ids=sorted(source.eos_token_ids),
        special_tokens=source.special_tokens,
        weights=weights,
        tools=tools | tool_versions("tokenizers"),
        recipe=recipe.to_dict() | {"source_sha256": _origin_of(source)},
        notes=source.manifest.get("notes", []),
    ).write(stage)


def _check_packages(recipe: Recipe) -> None:
    needed = ("gguf", "xllamacpp") if recipe.is_gguf else ("torch", "transformers", "bitsandbytes")
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        extra = "llamacpp,quantization" if recipe.is_gguf else "transformers,quantization"
        raise ArtifactError(
            f"{recipe.name} needs {', '.join(missing)}: run `pip install -e '.[{extra}]'`"
        )
