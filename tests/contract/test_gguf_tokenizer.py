"""The tokenizer that is built from a GGUF file gives the ids of the original one."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from common.prompt import Prompt
from common.tokenizer import ModelTokenizer
from quantization.gguf_file import GgufFile, TokenType
from quantization.gguf_tokenizer import build_tokenizer
from tests.models import default_gguf

SPACE = "\N{LOWER ONE EIGHTH BLOCK}"


@pytest.fixture(scope="module")
def smollm2() -> Tokenizer:
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
def test_text_without_digits_gives_the_ids_of_transformers(
    smollm2: Tokenizer, reference: Any, text: str
) -> None:
    assert smollm2.encode(text).ids == reference.encode(text)


@pytest.mark.model
@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a 12", ["a", "Ġ", "1", "2"]),
        ("a  3.5%", ["a", "ĠĠ", "3", ".", "5", "%"]),
    ],
)
def test_digits_stand_alone_and_the_spaces_before_them_together(
    smollm2: Tokenizer, text: str, tokens: list[str]
) -> None:
    """As in SmolLM2's own tokenizer.json and in llama.cpp; transformers' reader has no such rule."""
    assert smollm2.encode(text).tokens == tokens


def vocabulary(pieces: dict[str, TokenType], **metadata: object) -> GgufFile:
    """A file whose tokens are ``pieces``, the earlier the better in score."""
    names = list(pieces)
    common = {
        "tokenizer.ggml.tokens": names,
        "tokenizer.ggml.scores": [-float(rank) for rank in range(len(names))],
        "tokenizer.ggml.token_type": list(pieces.values()),
        "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.ggml.eos_token_id": 1,
        "tokenizer.ggml.unknown_token_id": 2,
    }
    return GgufFile(Path("tiny.gguf"), common | metadata, 0)


@pytest.fixture(scope="module")
def llama2() -> Tokenizer:
    """As Llama 2's; its pieces could spell <s>, were a merge made for it."""
    control = {"<s>": TokenType.CONTROL, "</s>": TokenType.CONTROL, "<unk>": TokenType.UNKNOWN}
    normal = dict.fromkeys(
        ["ab", "bc", f"{SPACE}a", "<s", "s>", *"abcs<>/", SPACE], TokenType.NORMAL
    )
    fallback = dict.fromkeys([f"<0x{byte:02X}>" for byte in range(256)], TokenType.BYTE)
    file = vocabulary(control | normal | fallback, **{"tokenizer.ggml.model": "llama"})
    return build_tokenizer(file)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("abc", [SPACE, "ab", "c"]),
        ("bca", [SPACE, "bc", "a"]),
        (" a", [SPACE, f"{SPACE}a"]),
        ("\n", [SPACE, "<0x0A>"]),
        ("\N{EURO SIGN}", [SPACE, "<0xE2>", "<0x82>", "<0xAC>"]),
    ],
)
def test_sentencepiece_merges_by_score_and_falls_back_on_bytes(
    llama2: Tokenizer, text: str, tokens: list[str]
) -> None:
    encoding = llama2.encode(text)

    assert encoding.tokens == ["<s>", *tokens]
    assert llama2.decode(encoding.ids) == text


def test_no_merge_of_sentencepiece_spells_a_control_token(llama2: Tokenizer) -> None:
    model = ModelTokenizer(llama2, frozenset({1}))

    ids = model.encode(Prompt(text="<s></s>"))

    assert ids[0] == 0
    assert {0, 1}.isdisjoint(ids[1:])


@pytest.fixture(scope="module")
def llama3() -> Tokenizer:
    control = {"<|begin_of_text|>": TokenType.CONTROL, "<|eot_id|>": TokenType.CONTROL}
    normal = dict.fromkeys([*"0123456789'sx", "Ġ", "Ġx", "12", "123", "'s"], TokenType.NORMAL)
    file = vocabulary(
        control | normal,
        **{
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.pre": "llama-bpe",
            "tokenizer.ggml.merges": ["Ġ x", "1 2", "12 3", "' s"],
        },
    )
    return build_tokenizer(file)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("1231", ["123", "1"]),
        ("x's", ["x", "'s"]),
        ("  x", ["Ġ", "Ġx"]),
    ],
)
def test_llama_3_begins_with_bos_and_takes_digits_by_threes(
    llama3: Tokenizer, text: str, tokens: list[str]
) -> None:
    assert llama3.encode(text).tokens == ["<|begin_of_text|>", *tokens]
