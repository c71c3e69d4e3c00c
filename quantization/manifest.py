"""The label of a model: what it is, where it came from, and the digests of its files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from common.artifact import MANIFEST, MANIFEST_SCHEMA
from common.digests import check_digest, digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What stands in manifest.json; ``common.artifact`` reads it.

    ``weights`` and ``files`` are names in the manifest's directory. ``source`` says where
    the weights came from, ``tools`` which versions made the files, ``recipe`` how they were
    quantized and ``finetuned`` how they were trained, if that was done here.
    """

    name: str
    source: Mapping[str, str]
    licence: str
    format: str
    quantization: str
    context_size: int
    parameters: int
    eos_token_ids: Sequence[int]
    special_tokens: Mapping[str, str]
    weights: Sequence[str]
    tools: Mapping[str, str]
    recipe: Mapping[str, Any] | None = None
    finetuned: Mapping[str, Any] | None = None
    notes: Sequence[str] = ()
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def write(self, directory: Path) -> None:
        """Digest the files in ``directory`` and write its manifest, as the last of them."""
        names = sorted({*self.weights, *_labels(directory)})
        content: dict[str, Any] = {"schema": MANIFEST_SCHEMA} | asdict(self)
        content["files"] = [_describe(directory / name) for name in names]
        write_json(directory / MANIFEST, content)


def verify(directory: Path, manifest: Mapping[str, Any]) -> None:
    """Compare every file with its recorded digest. Raises ArtifactError."""
    for file in manifest["files"]:
        check_digest(directory / file["name"], file["sha256"])


def write_text(path: Path, text: str) -> None:
    """Write a file that is either there as a whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, "utf-8")
    partial.replace(path)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """``write_text`` for people to read."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def tool_versions(*packages: str) -> dict[str, str]:
    """The installed versions of ``packages``."""
    return {package: version(package) for package in packages}


def _labels(directory: Path) -> list[str]:
    """The small files that belong to a model: tokenizer, template, configuration."""
    suffixes = {".json", ".jinja"}
    return [
        path.name
        for path in directory.iterdir()
        if path.suffix in suffixes and path.name != MANIFEST and not path.name.startswith(".")
    ]


def _describe(path: Path) -> dict[str, Any]:
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": digest(path)}
