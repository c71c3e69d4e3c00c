"""The tokenizer that is built from a GGUF file gives the ids of the original one."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from quantization.gguf_file import GgufFile
from quantization.gguf_tokenizer import build_tokenizer, merges_from_scores
from tests.models import default_gguf


def sentencepiece_file(tokens: dict[str, float], kinds: dict[str, TokenType]) -> GgufFile:
    """A vocabulary in the manner of Llama 2: texts with their scores."""
    names = list(tokens)
    metadata = {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": names,
        "tokenizer.ggml.scores": list(tokens.values()),
        "tokenizer.ggml.token_type": [kinds.get(name, TokenType.NORMAL) for name in names],
        "tokenizer.ggml.bos_token_id": names.index("<s>"),
        "tokenizer.ggml.eos_token_id": names.index("</s>"),
        "tokenizer.ggml.unknown_token_id": names.index("<unk>"),
    }
    return GgufFile(Path("tiny.gguf"), metadata, 0)


@pytest.fixture(scope="module")
def llama2() -> Tokenizer:
    """Its pieces could spell its control tokens, if merges were made of those."""
    pieces = ["\u2581", "a", "b", "c", "<", ">", "s", "/", "ab", "bc", "\u2581a", "<s", "s>", "</"]
    control = {"<unk>": TokenType.UNKNOWN, "<s>": TokenType.CONTROL, "</s>": TokenType.CONTROL}
    fallback = {f"<0x{byte:02X}>": TokenType.BYTE for byte in range(256)}
    scores = dict.fromkeys([*control, *fallback], 0.0)
    scores |= {piece: -float(rank) for rank, piece in enumerate(pieces)}
    return build_tokenizer(sentencepiece_file(scores, control | fallback))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("abc", ["<s>", "\u2581a", "bc"]),  # as "bc" has the better score... 
        (" a", ["<s>", "\u2581", "\u2581a"]),
        ("\n", ["<s>", "\u2581", "<0x0A>"]),
        ("\u20ac", ["<s>", "\u2581", "<0xE2>", "<0x82>", "<0xAC>"]),
    ],
)
def test_sentencepiece_merges_by_score_and_falls_back_on_bytes(
    llama2: Tokenizer, text: str, tokens: list[str]
) -> None:
    assert llama2.encode(text).tokens == tokens
    assert llama2.decode(llama2.encode(text).ids) == text


@pytest.fixture(scope="module")
def built() -> Tokenizer:
    return build_tokenizer(GgufFile.read(default_gguf()))


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What transformers makes of the bare file, no tokenizer.json in sight."""
    from transformers import AutoTokenizer

    bare = tmp_path_factory.mktemp("bare") / "model.gguf"
    bare.symlink_to(default_gguf().resolve())
    return AutoTokenizer.from_pretrained(bare.parent, gguf_file=bare.name)


@pytest.mark.model
@pytest.mark.torch
@settings(max_examples=500, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs", "Nd", "Nl", "No"]), max_size=60))
def test_text_without_digits_gives_the_ids_that_transformers_gives(
    built: Tokenizer, reference: Any, text: str
) -> None:
    assert built.encode(text).ids == reference.encode(text)


@pytest.mark.model
@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a 12", ["a", "Ġ", "1", "2"]),
        ("a  3.5%", ["a", "ĠĠ", "3", ".", "5", "%"]),
    ],
)
def test_digits_stand_alone_and_leave_the_spaces_before_them_together(
    built: Tokenizer, text: str, tokens: list[str]
) -> None:
    """As SmolLM2's own tokenizer.json and llama.cpp have it; transformers' reader parts them."""
    assert built.encode(text).tokens == tokens
