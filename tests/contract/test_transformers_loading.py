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


def test_attention_on_a_gpu_builds_no_plan_for_each_new_length(
    monkeypatch: pytest.MonkeyPatch, copy: Artifact
) -> None:
    # Given a GPU, and a loader that comes no further than to choose it
    import torch
    import transformers

    def stop(*_: object, **how: object) -> None:
        raise RuntimeError(f"on {how['device_map']}")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda _: None)
    monkeypatch.setattr(transformers.LlamaForCausalLM, "from_pretrained", stop)
    before = torch.backends.cuda.cudnn_sdp_enabled()
    try:
        # When it loads
        with pytest.raises(ModelUnavailable, match="on .*cuda"):
            engine_of(copy).load()
        # Then attention is not cuDNN's
        assert not torch.backends.cuda.cudnn_sdp_enabled()
    finally:
        torch.backends.cuda.enable_cudnn_sdp(before)
