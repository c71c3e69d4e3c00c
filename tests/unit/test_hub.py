"""Models come from the hub by way of a cache. The hub itself is replaced here."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from common.artifact import ArtifactError, open_artifact
from common.digests import digest
from quantization.fetch import fetch
from tests.models import write_tiny_checkpoint


class Hub:
    """A stand-in for ``snapshot_download`` that holds one model."""

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint
        self.asked: list[str] = []
        self.bytes = 100
        self.sha256 = ""

    def __call__(
        self, hub_id: str, *, cache_dir: Path, dry_run: bool = False, **_: object
    ) -> str | list[SimpleNamespace]:
        if dry_run:
            return [SimpleNamespace(will_download=True, file_size=self.bytes)]
        self.asked.append(hub_id)
        blobs, snapshot = cache_dir / "blobs", cache_dir / "snapshots" / "c0ffee"
        blobs.mkdir(parents=True)
        snapshot.mkdir(parents=True)
        for path in self.checkpoint.iterdir():  # large files lie under their sha256
            is_large = path.suffix == ".safetensors"
            blob = blobs / (self.sha256 or digest(path) if is_large else path.name)
            shutil.copy(path, blob)
            (snapshot / path.name).symlink_to(blob)
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


def test_weights_that_are_not_what_the_hub_promised_are_refused(
    checkpoint: Path, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub(checkpoint)
    hub.sha256 = "0" * 64
    monkeypatch.setattr("huggingface_hub.snapshot_download", hub)

    with pytest.raises(ArtifactError, match="damaged"):
        fetched("meta-llama/Llama-2-7b", state_dir)

    assert [path.name for path in (state_dir / "models").iterdir()] == [".lock"]


def test_a_pinned_revision_is_not_mistaken_for_another(
    checkpoint: Path, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a model that was fetched at a tag
    monkeypatch.setattr("huggingface_hub.snapshot_download", Hub(checkpoint))
    name = "meta-llama/Llama-2-7b"
    first = fetch(name, state_dir, print, "v1")[0]
    # then the tag and its commit find it, and another one does not
    assert first == fetch(name, state_dir, print, "v1")[0]
    assert first == fetch(name, state_dir, print, "c0ffee")[0]
    with pytest.raises(ArtifactError, match="at c0ffee, not v2"):
        fetch(name, state_dir, print, "v2")


def test_a_model_of_pickles_is_not_fetched(
    checkpoint: Path, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkpoint / "model.safetensors").unlink()
    monkeypatch.setattr("huggingface_hub.snapshot_download", Hub(checkpoint))

    with pytest.raises(ArtifactError, match="has no safetensors at this revision"):
        fetched("meta-llama/Llama-2-7b", state_dir)


def test_too_little_disk_is_said_before_the_download(
    checkpoint: Path, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub(checkpoint)
    hub.bytes = 10**18
    monkeypatch.setattr("huggingface_hub.snapshot_download", hub)

    with pytest.raises(ArtifactError, match=r"needs 1000000000\.00 GB"):
        fetched("meta-llama/Llama-2-7b", state_dir)

    assert hub.asked == []


def test_the_licence_is_the_model_cards(
    checkpoint: Path, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkpoint / "README.md").write_text("---\nlicense: llama2\nlanguage: en\n---\n# Llama\n")
    monkeypatch.setattr("huggingface_hub.snapshot_download", Hub(checkpoint))

    path = fetched("meta-llama/Llama-2-7b", state_dir)

    assert open_artifact(path).manifest["licence"] == "llama2"
