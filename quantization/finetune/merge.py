"""Base model and adapter as one labelled model."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.artifact import (
    CHAT_TEMPLATE,
    MANIFEST,
    TOKENIZER,
    Artifact,
    open_artifact,
)
from quantization.manifest import Manifest, tool_versions
from quantization.staging import staged

_BESIDE = (TOKENIZER, CHAT_TEMPLATE, "tokenizer_config.json")


def merge(base: Artifact, adapter: Path, directory: Path, learned: Mapping[str, Any]) -> Artifact:
    """Add ``adapter`` to the full-precision weights of ``base``, in FP32; store them in FP16.

    Files appear in ``directory`` as a whole, the manifest last. Raises ModelUnavailable.
    """
    with staged(directory / "training" / "merged") as stage:
        _write_merged(base, adapter, stage)
        _label(base, stage, directory.resolve().name, learned)
    merged = directory / "training" / "merged"
    for path in sorted(merged.iterdir(), key=lambda path: path.name == MANIFEST):
        path.replace(directory / path.name)
    merged.rmdir()
    return open_artifact(directory)


def _write_merged(base: Artifact, adapter: Path, stage: Path) -> None:
    from peft import PeftModel

    from worker.engines.settings import EngineSettings, Quantization
    from worker.engines.transformers.loading import load_model

    model = load_model(base, EngineSettings(quantization=Quantization.FP32))
    merged: Any = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    merged.half().save_pretrained(stage)
    for path in stage.glob("*.safetensors"):
        path.chmod(0o644)
    for name in _BESIDE:
        path = base.tokenizer_path.parent / name
        if path.exists():
            shutil.copy(path, stage / name)


def _label(base: Artifact, stage: Path, name: str, learned: Mapping[str, Any]) -> None:
    Manifest(
        name=name,
        source=base.manifest["source"] | {"finetuned_from": base.name},
        licence=base.manifest["licence"],
        format="safetensors",
        quantization="none",
        context_size=base.context_size,
        parameters=base.parameters,
        eos_token_ids=sorted(base.eos_token_ids),
        special_tokens=base.special_tokens,
        weights=sorted(path.name for path in stage.glob("*.safetensors")),
        tools=tool_versions("torch", "transformers", "peft", "tokenizers"),
        finetuned=dict(learned),
        notes=base.manifest.get("notes", []),
    ).write(stage)
