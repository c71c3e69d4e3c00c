"""A tokenizer that is read in little memory is the one that the library reads."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import BPE, WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import TemplateProcessing

from common.encoder import read_encoder

TEXT = "Low and lower <|end|> <tool> it"


def byte_pairs() -> Tokenizer:
    """Merges, a special token within the vocabulary, and others beyond it."""
    letters = ["<|end|>", *sorted(ByteLevel.alphabet())]
    vocab = {letter: number for number, letter in enumerate([*letters, "lo", "low"])}
    encoder = Tokenizer(BPE(vocab=vocab, merges=[("l", "o"), ("lo", "w")], byte_fallback=True))
    encoder.normalizer = Lowercase()
    encoder.pre_tokenizer = ByteLevel(add_prefix_space=False)
    encoder.add_special_tokens(["<|end|>", AddedToken("<|start|>", normalized=False)])
    encoder.add_tokens([AddedToken("<tool>", lstrip=True, single_word=True)])
    start = encoder.token_to_id("<|start|>")
    encoder.post_processor = TemplateProcessing(
        single="<|start|> $A", special_tokens=[("<|start|>", start)]
    )
    return encoder


def words() -> Tokenizer:
    return Tokenizer(WordLevel(vocab={"low": 0, "?": 1}, unk_token="?"))


@pytest.mark.parametrize("make", [byte_pairs, words])
def test_it_is_the_same_tokenizer(tmp_path: Path, make: Callable[[], Tokenizer]) -> None:
    # Given a tokenizer's file
    path = tmp_path / "tokenizer.json"
    make().save(str(path))
    # When it is read in little memory, and by the library
    read, known = read_encoder(path), Tokenizer.from_file(str(path))
    # Then nothing tells them apart
    assert read.to_str() == known.to_str()
    assert read.encode(TEXT).ids == known.encode(TEXT).ids


def test_merges_may_be_written_the_older_way(tmp_path: Path) -> None:
    # Given a file whose merges are strings with a space
    path, text = tmp_path / "tokenizer.json", byte_pairs().to_str()
    older = text.replace('["l","o"]', '"l o"').replace('["lo","w"]', '"lo w"')
    assert older != text
    path.write_text(older)
    # When it is read
    # Then its merges are the same
    assert read_encoder(path).to_str() == text


def test_ids_that_do_not_follow_each_other_are_kept(tmp_path: Path) -> None:
    # Given added tokens of which one before has been taken out
    path = tmp_path / "tokenizer.json"
    text = byte_pairs().to_str(pretty=False)
    path.write_text(text.replace('"content":"<|end|>"', '"content":"<|gone|>"'))
    # When it is read
    # Then it is what the library makes of it
    assert read_encoder(path).to_str() == Tokenizer.from_file(str(path)).to_str()
