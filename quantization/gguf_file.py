"""What a GGUF file says about itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from common.artifact import ArtifactError
from worker.engines.gguf_check import NoGguf, check_gguf

#: Control tokens that end an answer, whatever the file names as its eos token.
_END_OF_ANSWER = frozenset(
    {"</s>", "<|endoftext|>", "<|end_of_text|>", "<|eot_id|>", "<|eom_id|>", "<|im_end|>"}
)


class TokenType(IntEnum):
    """What a token is for; the numbers are the format's."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True, slots=True)
class GgufFile:
    """The metadata of a GGUF file, by key; its parameters' number and its tensors' types."""

    path: Path
    metadata: Mapping[str, Any]
    parameters: int
    tensor_types: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> "GgufFile":
        """Read the metadata: seconds, for a large vocabulary. Raises ArtifactError."""
        from gguf import GGUFReader

        try:
            check_gguf(path)
            reader = GGUFReader(path)
        except NoGguf as error:
            raise ArtifactError(str(error)) from error
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{path} is no GGUF file: {error}") from error
        metadata = {key: field.contents() for key, field in reader.fields.items()}
        parameters = sum(int(tensor.n_elements) for tensor in reader.tensors)
        return cls(path, metadata, parameters, tuple(t.tensor_type.name for t in reader.tensors))

    @property
    def context_size(self) -> int:
        """The longest context that the model was made for, in tokens."""
        return int(self._required(f"{self._required('general.architecture')}.context_length"))

    @property
    def quantization(self) -> str:
        """The main type of the weights, such as Q4_K_M."""
        from gguf import LlamaFileType

        file_type = self.metadata.get("general.file_type")
        if file_type is None:
            return "unknown"
        return LlamaFileType(file_type).name.removeprefix("MOSTLY_").removeprefix("ALL_")

    @property
    def licence(self) -> str:
        """The licence as the file names it."""
        return str(self.metadata.get("general.license", "unknown"))

    @property
    def chat_template(self) -> str | None:
        """The Jinja source of the chat template."""
        return self.metadata.get("tokenizer.chat_template")

    @property
    def tokenizer_model(self) -> str | None:
        """The kind of the tokenizer: "gpt2" (bytes) or "llama" (SentencePiece)."""
        return self.metadata.get("tokenizer.ggml.model")

    @property
    def pre_tokenizer(self) -> str | None:
        """How text is cut before the merges, for "gpt2"."""
        return self.metadata.get("tokenizer.ggml.pre")

    @property
    def tokens(self) -> list[str]:
        """The vocabulary, in the order of ids."""
        return list(self._required("tokenizer.ggml.tokens"))

    @property
    def token_types(self) -> list[TokenType]:
        """What each token is for."""
        return [TokenType(number) for number in self._required("tokenizer.ggml.token_type")]

    @property
    def scores(self) -> list[float]:
        """The score of each token, in a SentencePiece vocabulary."""
        return list(self._required("tokenizer.ggml.scores"))

    @property
    def merges(self) -> list[tuple[str, str]]:
        """The BPE merges, best first; empty where the file has none."""
        pairs = (merge.split(" ", 1) for merge in self.metadata.get("tokenizer.ggml.merges", ()))
        return [(left, right) for left, right in pairs]

    @property
    def adds_leading_space(self) -> bool:
        """Whether SentencePiece text begins with a space of its own."""
        return bool(self.metadata.get("tokenizer.ggml.add_space_prefix", True))

    @property
    def special_tokens(self) -> dict[str, str]:
        """The tokens that chat templates know by name."""
        keys = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
        ids = {name: self._token_id(key) for name, key in keys.items()}
        tokens = self.tokens
        return {f"{name}_token": tokens[i] for name, i in ids.items() if i is not None}

    @property
    def eos_token_ids(self) -> list[int]:
        """The ids that end an answer: those that the file names, and those known to."""
        named = {self._token_id(key) for key in ("eos", "eot", "eom")}
        kinds = self.token_types
        known = {
            token_id
            for token_id, token in enumerate(self.tokens)
            if token in _END_OF_ANSWER and kinds[token_id] == TokenType.CONTROL
        }
        return sorted(token_id for token_id in named | known if token_id is not None)

    def _required(self, key: str) -> Any:
        if key not in self.metadata:
            raise ArtifactError(f"{self.path} has no {key}")
        return self.metadata[key]

    def _token_id(self, name: str) -> int | None:
        return self.metadata.get(f"tokenizer.ggml.{name}_token_id")
