"""The same model in other quantizations, among the models of STATE_DIR."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.artifact import MANIFEST


@dataclass(frozen=True, slots=True)
class Variant:
    """A model's folder under ``models``; ``quantizations`` are the names that it goes by."""

    folder: str
    format: str
    quantizations: frozenset[str]


def variants(name: str, state_dir: Path) -> list[Variant]:
    """The folders whose manifest says that they hold the model ``name``."""
    return [
        Variant(folder, str(manifest["format"]), _quantizations(manifest))
        for folder, manifest in _manifests(state_dir / "models")
        if manifest.get("name") == name
    ]


def _manifests(models: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(models.glob(f"*/{MANIFEST}")):
        try:
            yield path.parent.name, json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue


def _quantizations(manifest: dict[str, Any]) -> frozenset[str]:
    """In lower case: of the stored weights, and of the recipe that made them."""
    recipe = manifest.get("recipe") or {}
    return frozenset(
        str(name).lower() for name in (manifest["quantization"], recipe.get("name")) if name
    )
