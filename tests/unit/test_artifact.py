"""A model's files are an artifact when they have their manifest, and only whole."""

import json
from pathlib import Path

import pytest

from common.artifact import ArtifactError, open_artifact, resolve_model
from quantization.label import label_gguf
from tests.models import CHATML, write_tiny_gguf


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    """A labelled .gguf file, alone in its directory."""
    path = write_tiny_gguf(tmp_path / "tiny" / "tiny.Q4_1.gguf")
    label_gguf(path, {"path": str(path)})
    return path


def test_a_labelled_file_tells_what_it_is(gguf: Path) -> None:
    artifact = open_artifact(gguf)

    assert artifact.path == gguf
    assert (artifact.name, artifact.format, artifact.quantization) == ("tiny.Q4_1", "gguf", "Q4_1")
    assert (artifact.context_size, artifact.parameters) == (64, 32)
    assert artifact.bytes == gguf.stat().st_size
    assert artifact.eos_token_ids == {1}
    assert artifact.special_tokens == {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}
    assert artifact.tokenizer_path == gguf.parent / "tokenizer.json"
    assert artifact.chat_template == CHATML
    assert artifact.manifest["licence"] == "apache-2.0"


def test_a_directory_with_one_gguf_file_counts_as_that_file(gguf: Path) -> None:
    assert open_artifact(gguf.parent).path == gguf


def test_a_gguf_file_without_its_labels_says_what_to_run(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "bare.gguf")

    with pytest.raises(ArtifactError, match=f"quantization fetch --model {path}"):
        open_artifact(path)


def test_a_model_that_is_not_there_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=f"no model at {tmp_path}/models/none"):
        open_artifact(tmp_path / "models" / "none")


@pytest.mark.parametrize("name", ["tokenizer.json", "chat_template.jinja", "manifest.json"])
def test_a_file_that_is_missing_is_named(gguf: Path, name: str) -> None:
    (gguf.parent / name).unlink()

    with pytest.raises(ArtifactError, match=f"{name} is missing"):
        open_artifact(gguf)


def test_a_file_that_was_cut_off_is_named_with_its_sizes(gguf: Path) -> None:
    size = gguf.stat().st_size
    with gguf.open("r+b") as file:
        file.truncate(size - 1)

    with pytest.raises(ArtifactError, match=f"{gguf.name} has {size - 1} bytes, not {size}"):
        open_artifact(gguf)


def test_the_labels_of_another_file_are_not_taken(gguf: Path) -> None:
    other = write_tiny_gguf(gguf.with_name("other.gguf"))

    with pytest.raises(ArtifactError, match=f"describes {gguf.name}"):
        open_artifact(other)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 99}'])
def test_a_manifest_that_cannot_be_read_is_an_artifact_error(gguf: Path, content: str) -> None:
    (gguf.parent / "manifest.json").write_text(content)

    with pytest.raises(ArtifactError, match="quantization fetch"):
        open_artifact(gguf)


def test_a_manifest_lacks_nothing_silently(gguf: Path) -> None:
    # given a manifest without one of its members
    path = gguf.parent / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["eos_token_ids"]
    path.write_text(json.dumps(manifest))

    # when it is read, then the member is named
    with pytest.raises(ArtifactError, match="eos_token_ids"):
        open_artifact(gguf)


@pytest.mark.parametrize(
    ("engine", "directory"),
    [
        ("auto", "SmolLM2-135M-Instruct-Q4_1"),
        ("llamacpp", "SmolLM2-135M-Instruct-Q4_1"),
        ("transformers", "SmolLM2-135M-Instruct"),
    ],
)
def test_the_default_model_has_a_format_for_each_engine(
    engine: str, directory: str, tmp_path: Path
) -> None:
    assert resolve_model(None, engine, tmp_path) == tmp_path / "models" / directory


def test_the_default_model_is_its_file_once_it_is_fetched(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "models" / "SmolLM2-135M-Instruct-Q4_1" / "smol.gguf")

    assert resolve_model(None, "auto", tmp_path) == path


def test_a_hub_id_is_where_fetch_puts_it() -> None:
    path = resolve_model("meta-llama/Llama-2-7b-chat-hf", "transformers", Path("state"))

    assert path == Path("state/models/Llama-2-7b-chat-hf")


def test_a_path_that_exists_is_not_taken_for_a_hub_id(
    gguf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(gguf.parent.parent)

    assert resolve_model("tiny/tiny.Q4_1.gguf", "auto", Path("state")) == Path("tiny", gguf.name)
    assert resolve_model("./tiny", "auto", Path("state")) == Path("tiny", gguf.name)


def test_an_absolute_path_is_itself_even_where_nothing_is() -> None:
    assert resolve_model("/models/llama", "auto", Path("state")) == Path("/models/llama")


@pytest.mark.parametrize("model", ["llama", "a/b/c", "../secret", "org/"])
def test_what_is_neither_a_path_nor_a_hub_id_is_refused(model: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no directory"):
        resolve_model(model, "auto", tmp_path)
