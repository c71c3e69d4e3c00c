"""Models come from the hub by way of a cache. The hub itself is replaced here."""

import shutil
from pathlib import Path

import pytest

from common.artifact import ArtifactError, open_artifact
from quantization.fetch import fetch
from tests.models import write_tiny_checkpoint


class Hub:
    """A stand-in for ``snapshot_download`` that holds one model."""

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint
        self.asked: list[str] = []

    def __call__(self, hub_id: str, *, cache_dir: Path, **_: object) -> str:
        self.asked.append(hub_id)
        snapshot = cache_dir / "snapshots" / "c0ffee"
        shutil.copytree(self.checkpoint, snapshot)
        return str(snapshot)


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return write_tiny_checkpoint(tmp_path / "llama")


def fetched(model: str, state_dir: Path) -> Path:
    return fetch(model, state_dir, print)[0].path


def test_a_model_from_the_hub_is_labelled_with_its_commit(
    checkpoint: Path, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a hub that holds a model
    hub = Hub(checkpoint)
    monkeypatch.setattr("huggingface_hub.snapshot_download", hub)

    # when it is fetched twice
    first, second = (fetched("meta-llama/Llama-2-7b", state_dir) for _ in range(2))

    # then it was downloaded once, and nothing else is left of it
    assert first == second == state_dir / "models" / "Llama-2-7b"
    assert hub.asked == ["meta-llama/Llama-2-7b"]
    source = open_artifact(first).manifest["source"]
    assert source == {"hub": "meta-llama/Llama-2-7b", "revision": "c0ffee"}
    assert list((state_dir / "cache").iterdir()) == []


def test_two_hub_models_of_one_name_are_not_mixed_up(
    checkpoint: Path, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.snapshot_download", Hub(checkpoint))
    fetched("one/llama", state_dir)

    with pytest.raises(ArtifactError, match="another model"):
        fetched("two/llama", state_dir)


def test_a_gated_model_says_how_to_get_at_it(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub.errors import GatedRepoError

    def snapshot_download(*_: object, **__: object) -> str:
        raise GatedRepoError.__new__(GatedRepoError)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)

    with pytest.raises(ArtifactError, match=r"accept its licence.*HF_TOKEN"):
        fetched("meta-llama/Llama-2-7b", state_dir)

    assert [path.name for path in (state_dir / "models").iterdir()] == [".lock"]
