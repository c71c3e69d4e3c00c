"""A model's files on disk, and the manifest that says what they are."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
TOKENIZER = "tokenizer.json"
CHAT_TEMPLATE = "chat_template.jinja"
MANIFEST_SCHEMA = 1

DEFAULT_GGUF = "SmolLM2-135M-Instruct-Q4_1"
DEFAULT_SAFETENSORS = "SmolLM2-135M-Instruct"

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_FETCH = "python -m quantization fetch"


class ArtifactError(Exception):
    """A model's files are missing or unreadable; the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A model that is ready to load.

    ``path`` is a .gguf file or a directory of safetensors; ``quantization`` is of the
    stored weights ("Q4_1", "none"); ``bytes`` counts the weights alone.
    ``special_tokens`` are the names that chat templates use ("bos_token": "<s>").
    """

    path: Path
    name: str
    format: str
    quantization: str
    context_size: int
    parameters: int
    bytes: int
    eos_token_ids: frozenset[int]
    special_tokens: Mapping[str, str]
    tokenizer_path: Path
    chat_template: str | None
    manifest: Mapping[str, Any]

    @property
    def recipe(self) -> str | None:
        """The recipe by which the workshop made it; None for weights as they came."""
        recipe = self.manifest.get("recipe")
        return None if recipe is None else str(recipe["name"])


def resolve_model(model: str | None, engine: str, state_dir: Path) -> Path:
    """Where the files of MODEL are, or will be once fetched.

    ``model`` is a folder of models, a path to one, a .gguf file or a hub id; none is the default model, in the
    format that ``engine`` reads. Raises ArtifactError for anything else.
    """
    models = state_dir / "models"
    if not model:
        name = DEFAULT_SAFETENSORS if engine == "transformers" else DEFAULT_GGUF
        return _single_gguf(models / name)
    if "/" not in model and (models / model).is_dir():
        return _single_gguf(models / model)
    path = Path(model).expanduser()
    if path.exists() or path.is_absolute() or path.suffix == ".gguf":
        return _single_gguf(path)
    if is_hub_id(model):
        return _single_gguf(models / path.name)
    raise ArtifactError(f"MODEL is no directory, .gguf file or hub id: {model}")


def is_hub_id(model: str) -> bool:
    """Whether ``model`` is written like ``meta-llama/Llama-2-7b-chat-hf``."""
    return _HUB_ID.fullmatch(model) is not None


def open_artifact(path: Path) -> Artifact:
    """Read the manifest of the model at ``path``, a .gguf file or a directory.

    Checks that every file is there in its full size. Raises ArtifactError.
    """
    path = _single_gguf(path)
    if not path.exists():
        raise ArtifactError(f"no model at {path}: run `{_FETCH}` (with --model MODEL if it is set)")
    directory = path.parent if path.is_file() else path
    try:
        manifest = json.loads((directory / MANIFEST).read_bytes())
        _check_files(directory, manifest, path)
        return _artifact(path, directory, manifest)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"the files beside {path} are not complete ({_reason(error)}): "
            f"run `{_FETCH} --model {path}`, which writes what is missing"
        ) from error


def _artifact(path: Path, directory: Path, manifest: Mapping[str, Any]) -> Artifact:
    sizes = {file["name"]: file["bytes"] for file in manifest["files"]}
    template = directory / CHAT_TEMPLATE
    return Artifact(
        path=path,
        name=manifest["name"],
        format=manifest["format"],
        quantization=manifest["quantization"],
        context_size=manifest["context_size"],
        parameters=manifest["parameters"],
        bytes=sum(sizes[name] for name in manifest["weights"]),
        eos_token_ids=frozenset(manifest["eos_token_ids"]),
        special_tokens=manifest["special_tokens"],
        tokenizer_path=directory / TOKENIZER,
        chat_template=template.read_text("utf-8") if template.exists() else None,
        manifest=manifest,
    )


def _check_files(directory: Path, manifest: Mapping[str, Any], path: Path) -> None:
    if manifest["schema"] != MANIFEST_SCHEMA:
        raise ValueError(f"{MANIFEST} has schema {manifest['schema']}, not {MANIFEST_SCHEMA}")
    if path.is_file() and [path.name] != manifest["weights"]:
        raise ValueError(f"{MANIFEST} describes {', '.join(manifest['weights'])}")
    for file in manifest["files"]:
        size = (directory / file["name"]).stat().st_size
        if size != file["bytes"]:
            raise ValueError(f"{file['name']} has {size} bytes, not {file['bytes']}")


def _single_gguf(path: Path) -> Path:
    """``path``, or the .gguf in it if it is a directory that holds exactly one."""
    found = list(path.glob("*.gguf")) if path.is_dir() else []
    return found[0] if len(found) == 1 else path


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{Path(error.filename).name} is missing"
    if isinstance(error, KeyError):
        return f"{MANIFEST} has no {error}"
    return str(error)
