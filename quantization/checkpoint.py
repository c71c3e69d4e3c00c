"""A directory of safetensors, as transformers writes it and the hub holds it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.artifact import TOKENIZER, ArtifactError


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the JSON files of a directory say about its model. Needs no torch."""

    directory: Path
    config: Mapping[str, Any]
    generation_config: Mapping[str, Any]
    tokenizer_config: Mapping[str, Any]

    @classmethod
    def read(cls, directory: Path) -> "Checkpoint":
        """Read ``directory``. Raises ArtifactError, which names what it lacks."""
        names = ("config.json", "generation_config.json", "tokenizer_config.json")
        checkpoint = cls(directory, *(_read_json(directory / name) for name in names))
        parts = {
            "*.safetensors": checkpoint.weights,
            "config.json with max_position_embeddings": checkpoint.context_size,
            TOKENIZER: (directory / TOKENIZER).exists(),
        }
        missing = ", ".join(name for name, part in parts.items() if not part)
        if missing:
            raise ArtifactError(f"{directory} is no model that can be served: it lacks {missing}")
        return checkpoint

    @property
    def weights(self) -> list[str]:
        """The names of the files that hold the weights."""
        return sorted(path.name for path in self.directory.glob("*.safetensors"))

    @property
    def context_size(self) -> int:
        """The longest context that the model was made for, in tokens."""
        return int(self.config.get("max_position_embeddings", 0))

    @property
    def quantization(self) -> str:
        """The method by which the stored weights are quantized, or "none"."""
        return str(self.config.get("quantization_config", {}).get("quant_method", "none"))

    @property
    def parameters(self) -> int:
        """How many numbers the stored weights have."""
        return sum(_count_parameters(self.directory / name) for name in self.weights)

    @property
    def eos_token_ids(self) -> list[int]:
        """The ids that end an answer; one number stands for a list of one."""
        ids = self.generation_config.get("eos_token_id", self.config.get("eos_token_id"))
        if ids is None:
            return []
        return sorted(ids) if isinstance(ids, list) else [ids]

    @property
    def special_tokens(self) -> dict[str, str]:
        """The tokens that chat templates know by name, each a text or an object with one."""
        names = ("bos_token", "eos_token", "unk_token", "pad_token")
        tokens = {name: self.tokenizer_config.get(name) for name in names}
        return {
            name: token["content"] if isinstance(token, dict) else token
            for name, token in tokens.items()
            if token
        }

    @property
    def chat_template(self) -> str | None:
        """The template in an older tokenizer_config.json; of several, the default one."""
        template = self.tokenizer_config.get("chat_template")
        if isinstance(template, list):
            template = {entry["name"]: entry["template"] for entry in template}.get("default")
        return template


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}
    except ValueError as error:
        raise ArtifactError(f"{path} is no JSON: {error}") from error


def _count_parameters(path: Path) -> int:
    """From the file's header: eight bytes that say its length, then JSON."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    header.pop("__metadata__", None)
    return sum(math.prod(tensor["shape"]) for tensor in header.values())
