"""A worker reads a model's files once to verify them, and again when they changed."""

from pathlib import Path

import pytest

from common import digests
from common.artifact import Artifact, ArtifactError, open_artifact
from common.digests import verify_once
from common.settings import EngineName
from quantization.label import label_checkpoint
from tests.models import write_tiny_checkpoint
from worker.engines.base import ModelUnavailable
from worker.model import load_model
from worker.settings import WorkerSettings


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    directory = write_tiny_checkpoint(tmp_path / "llama")
    label_checkpoint(directory, {"made": "here"})
    return open_artifact(directory)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were read."""
    names: list[str] = []
    real = digests.digest

    def digest(path: Path) -> str:
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(digests, "digest", digest)
    return names


def test_a_second_start_reads_nothing(artifact: Artifact, tmp_path: Path, reads: list[str]) -> None:
    verify_once(artifact, tmp_path / "var")
    first = len(reads)
    verify_once(artifact, tmp_path / "var")

    assert first == len(artifact.manifest["files"])
    assert len(reads) == first


def test_a_file_that_changed_in_place_is_read_again_and_refused(
    artifact: Artifact, tmp_path: Path, reads: list[str]
) -> None:
    # given a model that was verified
    verify_once(artifact, tmp_path / "var")
    reads.clear()
    # when a byte of its weights changes, but not their size
    weights = artifact.path / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    # then it is refused, at every start
    for _ in range(2):
        with pytest.raises(ArtifactError, match=r"model\.safetensors is damaged"):
            verify_once(artifact, tmp_path / "var")
    assert set(reads) == {"model.safetensors"}


def test_where_nothing_can_be_remembered_every_start_reads(
    artifact: Artifact, tmp_path: Path, reads: list[str]
) -> None:
    (tmp_path / "var").write_text("no directory")
    for _ in range(2):
        verify_once(artifact, tmp_path / "var")
    assert len(reads) == 2 * len(artifact.manifest["files"])


def test_a_worker_refuses_a_model_that_is_not_what_its_manifest_says(
    artifact: Artifact, tmp_path: Path
) -> None:
    weights = artifact.path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    settings = WorkerSettings(
        engine=EngineName.TRANSFORMERS, model=str(artifact.path), state_dir=tmp_path / "var"
    )

    with pytest.raises(ModelUnavailable, match=r"model\.safetensors is damaged"):
        load_model(settings)
