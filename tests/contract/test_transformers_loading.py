"""What the transformers engine says when it cannot load a model, and what it refuses to run."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from common.artifact import Artifact
from common.sampling import Sampling
from common.tokenizer import ModelTokenizer
from tests.support.engines import default_artifacts
from worker.engines import create_engine
from worker.engines.base import Engine, EngineError, Generation, ModelUnavailable
from worker.engines.settings import EngineSettings

pytestmark = [pytest.mark.model, pytest.mark.torch]


@pytest.fixture
def copy(tmp_path: Path) -> Artifact:
    """A copy of the model whose files a test may damage."""
    artifact = default_artifacts()["safetensors"]
    shutil.copytree(artifact.path, tmp_path / "model")
    return replace(artifact, path=tmp_path / "model")


def engine_of(artifact: Artifact) -> Engine:
    return create_engine("transformers", EngineSettings(), artifact, ModelTokenizer.load(artifact))


def test_a_gguf_file_is_refused_with_what_to_do() -> None:
    with pytest.raises(ModelUnavailable, match="ENGINE=llamacpp"):
        engine_of(default_artifacts()["gguf"]).load()


def lose_weights(model: Path) -> None:
    (model / "model.safetensors").unlink()


def cut_weights(model: Path) -> None:
    (model / "model.safetensors").write_bytes(b"\x00" * 100)


def lose_configuration(model: Path) -> None:
    (model / "config.json").unlink()


def become_gpt2(model: Path) -> None:
    path = model / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_type": "gpt2"}))


@pytest.mark.parametrize("damage", [lose_weights, cut_weights, lose_configuration, become_gpt2])
def test_a_damaged_model_is_unavailable(copy: Artifact, damage: Callable[[Path], None]) -> None:
    damage(copy.path)
    with pytest.raises(ModelUnavailable):
        engine_of(copy).load()


def test_an_engine_that_is_not_loaded_says_so() -> None:
    engine = engine_of(default_artifacts()["safetensors"])
    with pytest.raises(EngineError, match="not loaded"):
        engine.generate(Generation([1], Sampling()), lambda _: None, Event())
    assert engine.info().memory_bytes is None
    engine.close()
