"""A model that somebody already has gets what serving needs, beside its weights."""

from pathlib import Path

import pytest

from common.artifact import Artifact, ArtifactError, open_artifact
from common.prompt import Prompt
from common.tokenizer import ModelTokenizer
from quantization.label import label_checkpoint, label_gguf
from tests.models import CHATML, write_tiny_checkpoint, write_tiny_gguf


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return write_tiny_checkpoint(tmp_path / "llama")


def label(path: Path) -> Artifact:
    (label_gguf if path.suffix == ".gguf" else label_checkpoint)(path, {"path": str(path)})
    return open_artifact(path)


def test_a_gguf_file_gets_a_tokenizer_that_works(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "mine.gguf")

    model = ModelTokenizer.load(label(path))
    assert model.decode(model.encode(Prompt(text="ab12 <|im_end|>"))) == "ab12 <|im_end|>"


def test_files_that_lie_beside_a_model_stay(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "mine.gguf")
    (tmp_path / "chat_template.jinja").write_text("mine")

    assert label(path).chat_template == "mine"


def test_several_gguf_files_in_a_directory_are_refused(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "one.gguf")
    write_tiny_gguf(tmp_path / "two.gguf")

    with pytest.raises(ArtifactError, match="several"):
        label(path)


def test_an_unknown_tokenizer_is_refused_unless_its_own_file_is_there(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "a" / "mine.gguf", pre_tokenizer="klingon")
    with pytest.raises(ArtifactError, match=r"klingon.*tokenizer\.json"):
        label(path)

    known = write_tiny_gguf(tmp_path / "b" / "mine.gguf")
    label(known)
    (path.parent / "tokenizer.json").write_bytes((known.parent / "tokenizer.json").read_bytes())

    assert label(path).path == path


def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.gguf").write_bytes(b"GGML" * 100)

    with pytest.raises(ArtifactError, match="no GGUF file"):
        label(tmp_path / "mine.gguf")


def test_a_directory_of_safetensors_gets_its_labels(checkpoint: Path) -> None:
    artifact = label(checkpoint)

    assert artifact.path == checkpoint
    assert (artifact.name, artifact.format) == ("llama", "safetensors")
    assert artifact.quantization == "none"
    assert (artifact.context_size, artifact.parameters) == (4096, 32)
    assert artifact.eos_token_ids == {2, 7}
    assert artifact.special_tokens == {"bos_token": "<s>"}
    assert artifact.chat_template == CHATML


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_directory_that_lacks_a_part_is_refused(checkpoint: Path, name: str) -> None:
    (checkpoint / name).unlink()

    with pytest.raises(ArtifactError, match="it lacks"):
        label(checkpoint)
