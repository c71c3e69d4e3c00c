"""A directory of safetensors, as transformers writes it and the hub holds it."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.artifact import TOKENIZER, ArtifactError
from quantization.weights import read_header


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
        """How the stored weights are quantized, by the engines' names, or "none"."""
        config = self.config.get("quantization_config")
        if not config:
            return "none"
        if config.get("load_in_8bit"):
            return "int8"
        if config.get("load_in_4bit"):
            double = "-dq" if config.get("bnb_4bit_use_double_quant") else ""
            return f"{config.get('bnb_4bit_quant_type', 'fp4')}{double}"
        return str(config.get("quant_method", "unknown"))

    @property
    def licence(self) -> str:
        """The licence as the model card names it."""
        card = self.directory / "README.md"
        text = card.read_text("utf-8") if card.exists() else ""
        front = text.split("\n---", 1)[0] if text.startswith("---") else ""
        named = re.search(r"^license:\s*(\S+)", front, re.MULTILINE)
        return named[1] if named else "see its source"

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
    return sum(math.prod(tensor["shape"]) for tensor in read_header(path).values())
