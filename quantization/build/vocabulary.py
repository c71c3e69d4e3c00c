"""A tokenizer.json as the fields of a GGUF file; the way back is ``gguf_tokenizer``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.artifact import TOKENIZER
from quantization.build.llama_cpp import NotKnownHere
from quantization.gguf_file import TokenType

_BYTE_TOKENS = frozenset(f"<0x{byte:02X}>" for byte in range(256))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """``model`` and ``pre`` name the algorithm as llama.cpp does; lists are in order of ids.

    ``scores`` are for "llama" (SentencePiece) only, ``pre`` for "gpt2" only.
    """

    model: str
    pre: str | None
    tokens: list[str]
    types: list[TokenType]
    scores: list[float] | None
    merges: list[str]
    adds_bos: bool
    adds_space: bool

    @classmethod
    def read(cls, directory: Path, size: int) -> "Vocabulary":
        """Read the tokenizer.json of ``directory``, filled up to ``size`` ids.

        Raises NotKnownHere for an algorithm that is not known here.
        """
        content = json.loads((directory / TOKENIZER).read_text("utf-8"))
        model = content["model"]
        if model.get("type") != "BPE":
            raise NotKnownHere(f"{directory / TOKENIZER} is {model.get('type')}, not BPE")
        added = content.get("added_tokens") or []
        tokens = _tokens(model["vocab"], added, size)
        is_spm = bool(model.get("byte_fallback"))
        return cls(
            model="llama" if is_spm else "gpt2",
            pre=None if is_spm else _pre_tokenizer(content, directory),
            tokens=tokens,
            types=_types(tokens, added, model, is_spm=is_spm),
            scores=[-float(token_id) for token_id in range(len(tokens))] if is_spm else None,
            merges=[pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]],
            adds_bos="TemplateProcessing" in json.dumps(content.get("post_processor")),
            adds_space=_adds_space(content),
        )


def _tokens(vocab: Mapping[str, int], added: list[dict[str, Any]], size: int) -> list[str]:
    by_id = {token_id: token for token, token_id in vocab.items()}
    by_id |= {token["id"]: token["content"] for token in added}
    return [
        by_id.get(token_id, f"[PAD{token_id}]") for token_id in range(max(size, max(by_id) + 1))
    ]


def _types(
    tokens: list[str], added: list[dict[str, Any]], model: Mapping[str, Any], *, is_spm: bool
) -> list[TokenType]:
    special = {token["content"]: token.get("special", False) for token in added}

    def kind(token_id: int, token: str) -> TokenType:
        if token == model.get("unk_token"):
            return TokenType.UNKNOWN
        if token in special:
            return TokenType.CONTROL if special[token] else TokenType.USER_DEFINED
        if is_spm and token in _BYTE_TOKENS:
            return TokenType.BYTE
        return TokenType.UNUSED if token == f"[PAD{token_id}]" else TokenType.NORMAL

    return [kind(token_id, token) for token_id, token in enumerate(tokens)]


def _pre_tokenizer(content: Mapping[str, Any], directory: Path) -> str:
    """How text is cut before the merges, by llama.cpp's name for it."""
    steps = content["pre_tokenizer"]
    steps = steps.get("pretokenizers", [steps])
    kinds = [step["type"] for step in steps]
    if kinds == ["ByteLevel"]:
        return "gpt-2"
    if kinds == ["Digits", "ByteLevel"] and steps[0]["individual_digits"]:
        return "smollm"
    if kinds == ["Split", "ByteLevel"] and r"\p{N}{1,3}" in json.dumps(steps[0]["pattern"]).replace(
        "\\\\", "\\"
    ):
        return "llama-bpe"
    raise NotKnownHere(
        f"{directory / TOKENIZER} cuts text in a way that is not known here ({', '.join(kinds)})"
    )


def _adds_space(content: Mapping[str, Any]) -> bool:
    """Whether text begins with a space of the tokenizer's own, as SentencePiece has it."""
    return '"Prepend"' in json.dumps(content.get("normalizer")) or '"prepend_scheme": "f' in (
        json.dumps(content.get("pre_tokenizer"))
    )
