"""What the workshop builds is what the engines serve."""

import shutil
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from common.artifact import Artifact, ArtifactError, open_artifact
from common.prompt import Prompt
from common.sampling import Sampling
from common.tokenizer import ModelTokenizer
from quantization.__main__ import main
from quantization.build import artifact as artifact_module
from quantization.fetch import fetch
from quantization.gguf_file import GgufFile
from quantization.gguf_tokenizer import build_tokenizer
from quantization.manifest import verify
from quantization.recipes import RECIPES, find_recipe
from tests.models import default_gguf, default_safetensors, write_tiny_llama
from tests.support.workshop import IDS, built, logits
from worker.engines import create_engine
from worker.engines.base import Generation
from worker.engines.settings import EngineSettings

pytestmark = [pytest.mark.torch]

TEXT = "EPS of 3.14 beat 2.90; naïve — 中文 ab"


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workshop")


@pytest.fixture(scope="module")
def tiny(state_dir: Path) -> Artifact:
    return fetch(str(write_tiny_llama(state_dir / "tiny")), state_dir, print)[0]


@pytest.mark.parametrize("name", list(RECIPES))
def test_every_recipe_gives_an_artifact_that_is_served(
    tiny: Artifact, state_dir: Path, name: str
) -> None:
    # when it is built
    recipe, artifact = find_recipe(name), built(tiny, name, state_dir)

    # then its label says how, of what, under which licence, and every digest is right
    manifest = artifact.manifest
    assert (artifact.recipe, artifact.name, artifact.parameters) == (name, "tiny", tiny.parameters)
    assert manifest["source"] == {**tiny.manifest["source"], "built_from": "../../tiny"}
    assert manifest["licence"] == tiny.manifest["licence"]
    assert manifest["recipe"]["method"] == recipe.method
    assert set(manifest["tools"]) >= {"gguf", "xllamacpp"} or "bitsandbytes" in manifest["tools"]
    verify(artifact.tokenizer_path.parent, manifest)

    # and its engine answers from it, in its precision, whatever QUANTIZATION says
    engine = create_engine(
        recipe.engine, EngineSettings(context_size=64), artifact, ModelTokenizer.load(artifact)
    )
    engine.load()
    done = engine.generate(Generation(IDS, Sampling(max_tokens=5)), lambda _: None, Event())
    assert done.new_tokens > 0
    assert engine.info().quantization.lower() == name
    engine.close()


@pytest.mark.parametrize("name", ["int8", "nf4", "int4-fast", "nf4-dq", "fp4", "bf16", "fp16"])
def test_an_artifact_gives_the_logits_of_quantizing_on_the_fly(
    tiny: Artifact, state_dir: Path, name: str
) -> None:
    stored = logits(built(tiny, name, state_dir), "transformers")
    assert np.array_equal(stored, logits(tiny, "transformers", name))


@pytest.mark.parametrize(("name", "error"), [("q8_0", 0.03), ("q4_1", 0.25), ("q4_k_m", 0.25)])
def test_a_gguf_file_computes_what_the_checkpoint_does(
    tiny: Artifact, state_dir: Path, name: str, error: float
) -> None:
    expected = logits(tiny, "transformers")
    found = logits(built(tiny, name, state_dir), "llamacpp")

    # a wrong permutation of queries and keys gives about 1
    assert np.sqrt(((found - expected) ** 2).mean()) / expected.std() < error


@pytest.mark.parametrize(
    "config",
    [
        {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}},
        {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 500000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            }
        },
        {"tie_word_embeddings": True},
        {"head_dim": 32, "attention_bias": True},
    ],
    ids=["linear", "llama3", "tied", "bias"],
)
def test_variants_of_llama_survive_the_conversion(tmp_path: Path, config: dict[str, Any]) -> None:
    source = fetch(str(write_tiny_llama(tmp_path / "variant", **config)), tmp_path, print)[0]

    expected = logits(source, "transformers")
    found = logits(built(source, "q8_0", tmp_path), "llamacpp")

    assert np.sqrt(((found - expected) ** 2).mean()) / expected.std() < 0.05


def test_the_vocabulary_survives_the_conversion(tiny: Artifact, state_dir: Path) -> None:
    artifact = built(tiny, "q8_0", state_dir)
    file = GgufFile.read(artifact.path)

    assert build_tokenizer(file).encode(TEXT).ids == ModelTokenizer.load(tiny).encode(
        Prompt(text=TEXT)
    )
    assert file.special_tokens == dict(tiny.special_tokens)
    assert file.eos_token_ids == sorted(tiny.eos_token_ids)
    assert file.chat_template == tiny.chat_template
    assert file.context_size == tiny.context_size


def test_a_build_that_breaks_off_leaves_nothing_half_written(
    tiny: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_half(_: object, __: object, path: Path, ___: object) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(artifact_module, "write_gguf", write_half)
    with pytest.raises(KeyboardInterrupt):
        built(tiny, "q4_0", tmp_path)

    assert [path.name for path in (tmp_path / "models").iterdir()] == [".tiny-q4_0.lock"]


def test_a_second_build_finds_the_first(
    tiny: Artifact, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = built(tiny, "q4_0", state_dir)
    monkeypatch.setattr(artifact_module, "write_gguf", None)
    assert built(tiny, "q4_0", state_dir) == first


def test_a_directory_that_holds_something_else_is_left_alone(
    tiny: Artifact, tmp_path: Path
) -> None:
    (tmp_path / "models" / "tiny-q4_0").mkdir(parents=True)
    with pytest.raises(ArtifactError, match="holds something else"):
        built(tiny, "q4_0", tmp_path)


def test_what_is_quantized_is_not_quantized_again(
    tiny: Artifact, state_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactError, match="is quantized already"):
        built(built(tiny, "int8", state_dir), "nf4", tmp_path)


def test_the_command_says_what_to_do_with_the_result(
    tiny: Artifact, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["build", "--recipe", "q8_0", "--model", str(tiny.path)]

    assert main([*arguments, "--state-dir", str(state_dir)]) == 0

    shown = capsys.readouterr()
    assert Path(shown.out.strip()) == built(tiny, "q8_0", state_dir).path
    assert "make run MODEL=" in shown.err


def test_inspect_tells_what_it_is_and_finds_a_changed_byte(
    tiny: Artifact, state_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(built(tiny, "q4_k_m", state_dir).path.parent, copy)
    arguments = ["inspect", str(copy), "--state-dir", str(tmp_path)]
    assert main(arguments) == 0
    assert "recipe: q4_k_m" in capsys.readouterr().out

    path = open_artifact(copy).path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert main(arguments) == 1
    assert "damaged" in capsys.readouterr().err


@pytest.mark.model
def test_q4_1_of_the_default_model_has_the_bytes_of_llama_cpps_own_file(tmp_path: Path) -> None:
    # given weights that were taken out of a file that llama.cpp wrote
    from gguf import GGUFReader

    source = open_artifact(default_safetensors())

    # when they are put back
    ours = GGUFReader(built(source, "q4_1", tmp_path).path)

    # then every tensor has its type and its bytes
    theirs = {tensor.name: tensor for tensor in GGUFReader(default_gguf()).tensors}
    assert len(ours.tensors) == len(theirs) == 272
    for tensor in ours.tensors:
        assert tensor.tensor_type == theirs[tensor.name].tensor_type
        assert np.array_equal(tensor.data, theirs[tensor.name].data)
