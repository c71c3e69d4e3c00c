"""What cannot be built from is refused before any work, and says what to do."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from common.artifact import ArtifactError
from quantization.__main__ import main
from quantization.checkpoint import Checkpoint
from quantization.room import check_disk, check_memory
from quantization.soundness import check_llama, check_weights
from tests.models import write_tiny_checkpoint


@pytest.fixture
def model(tmp_path: Path) -> Path:
    directory = write_tiny_checkpoint(tmp_path / "llama")
    config = json.loads((directory / "config.json").read_text()) | {"model_type": "llama"}
    (directory / "config.json").write_text(json.dumps(config))
    return directory


def error_of(capsys: pytest.CaptureFixture[str], model: Path, recipe: str = "q8_0") -> str:
    arguments = ["build", "--recipe", recipe, "--model", str(model)]
    state = ["--state-dir", str(model.parent / "var")]
    assert main([*arguments, *state]) == 1
    made = [path.name for path in model.parent.glob("var/models/*")]
    assert [name for name in made if not name.endswith(".lock")] == []
    return capsys.readouterr().err.splitlines()[-1]


def test_a_pickle_is_refused_with_the_reason(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")

    error = error_of(capsys, model)
    assert "pytorch_model.bin is a pickle" in error
    assert "run whatever code is in it" in error
    assert "safetensors" in error


def test_another_architecture_is_refused_by_name(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (model / "config.json").write_text(
        json.dumps({"model_type": "gpt2", "max_position_embeddings": 64})
    )

    assert "holds a model of type gpt2" in error_of(capsys, model)


def test_a_file_that_changed_after_it_was_labelled_is_refused(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given a model that was labelled when it came
    assert main(["fetch", "--model", str(model), "--state-dir", str(model / "v")]) == 0
    weights = model / "model.safetensors"
    content = bytearray(weights.read_bytes())
    # when one bit of it is another
    content[-1] ^= 1
    weights.write_bytes(content)
    # then it is not built from
    assert "damaged" in error_of(capsys, model)


def cut(model: Path) -> None:
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-7])


def cut_header(model: Path) -> None:
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:20])


def lose_a_shard(model: Path) -> None:
    index = {"weight_map": {"w": "model-00002-of-00002.safetensors"}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("damage", "message"),
    [(cut, "cut short"), (cut_header, "no safetensors file"), (lose_a_shard, "is missing")],
)
def test_weights_that_are_not_whole_are_refused(
    model: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(model)
    with pytest.raises(ArtifactError, match=message):
        check_weights(Checkpoint.read(model))


def test_a_sound_model_passes(model: Path) -> None:
    checkpoint = Checkpoint.read(model)
    check_llama(checkpoint)
    check_weights(checkpoint)


def test_too_little_disk_says_how_much_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = SimpleNamespace(free=1_000_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: free)

    with pytest.raises(ArtifactError, match=r"needs 13\.50 GB, and .* has 1\.00 GB free"):
        check_disk(tmp_path / "not" / "yet", 13_500_000_000)


def test_too_little_memory_says_how_much_is_needed() -> None:
    with pytest.raises(ArtifactError, match=r"needs 9000000\.00 GB, and .* are free"):
        check_memory(9 * 10**15)


def test_a_labelled_model_whose_weights_were_cut_is_not_labelled_anew(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given a model that was labelled when it came
    arguments = ["fetch", "--model", str(model), "--state-dir", str(model / "v")]
    assert main(arguments) == 0
    # when its weights are cut short, by whatever
    cut(model)
    # then fetch does not take them for the model that they are not
    assert main(arguments) == 1
    assert "is cut short or was replaced" in capsys.readouterr().err
