"""llama.cpp's own programs write what we do not know, where they are installed."""

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.artifact import Artifact, ArtifactError, open_artifact
from quantization.build.artifact import build
from quantization.build.llama_cpp import CONVERTER, QUANTIZER, LlamaCpp
from quantization.fetch import fetch
from quantization.progress import silent
from quantization.recipes import find_recipe
from tests.models import default_safetensors, write_tiny_llama
from tests.support.workshop import built, logits

pytestmark = [pytest.mark.torch]

YARN = {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 10000.0}}


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("programs")


@pytest.fixture(scope="module")
def tiny(state_dir: Path) -> Artifact:
    return fetch(str(write_tiny_llama(state_dir / "tiny")), state_dir, print)[0]


@pytest.fixture
def unknown(tmp_path: Path) -> Artifact:
    """A Llama whose positions we cannot convert."""
    return fetch(str(write_tiny_llama(tmp_path / "yarn", **YARN)), tmp_path, print)[0]


@pytest.fixture
def stand_ins(tiny: Artifact, state_dir: Path, tmp_path: Path) -> Path:
    """Programs under llama.cpp's names: they give a file made before, and note their arguments."""
    made = built(tiny, "q8_0", state_dir).path
    directory = tmp_path / "llama.cpp"
    directory.mkdir()
    log = f"open({str(directory / 'log')!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')"
    (directory / CONVERTER).write_text(
        f"import shutil, sys\n{log}\n"
        f"shutil.copy({str(made)!r}, sys.argv[sys.argv.index('--outfile') + 1])\n"
    )
    quantizer = directory / QUANTIZER
    quantizer.write_text(
        f"#!{sys.executable}\nimport shutil, sys\n{log}\nshutil.copy(sys.argv[1], sys.argv[2])\n"
    )
    quantizer.chmod(0o755)
    return directory


def test_a_model_that_nobody_here_can_convert_says_what_would(
    unknown: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given no llama.cpp on this machine
    monkeypatch.setattr(shutil, "which", lambda _: None)

    with pytest.raises(ArtifactError) as refused:
        built(unknown, "q8_0", tmp_path)

    message = str(refused.value)
    assert "rope_type yarn" in message
    assert CONVERTER in message
    assert QUANTIZER in message
    assert "--llama-cpp DIR" in message
    assert not (tmp_path / "models" / "yarn-q8_0").exists()


def test_a_model_that_is_not_known_here_goes_to_the_programs_on_the_path(
    unknown: Artifact, tmp_path: Path, stand_ins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: str(stand_ins / name))

    artifact = built(unknown, "q8_0", tmp_path)

    # then both were run in turn, the label says which programs, and no FP16 copy is left
    convert, quantize = (stand_ins / "log").read_text().splitlines()
    assert convert.startswith(f"{unknown.path} --outfile ")
    assert convert.endswith("--outtype f16")
    assert quantize.endswith("yarn.Q8_0.gguf Q8_0")
    assert set(artifact.manifest["tools"]) == {"gguf", CONVERTER, QUANTIZER, "tokenizers"}
    assert [path.name for path in artifact.path.parent.glob("*.gguf")] == ["yarn.Q8_0.gguf"]


def test_a_program_that_fails_leaves_its_last_words_and_no_artifact(
    tiny: Artifact, tmp_path: Path, stand_ins: Path
) -> None:
    (stand_ins / QUANTIZER).write_text("#!/bin/sh\necho main: quantization is broken\nexit 3\n")
    directory = tmp_path / "models" / "tiny-q8_0"

    with pytest.raises(ArtifactError, match="ended with 3:\nmain: quantization is broken"):
        build(
            tiny,
            find_recipe("q8_0"),
            directory,
            tmp_path,
            report=print,
            track=silent,
            llama_cpp=LlamaCpp.find(stand_ins),
        )

    assert not directory.exists()


@pytest.mark.skipif(
    not (shutil.which(CONVERTER) and shutil.which(QUANTIZER)), reason="llama.cpp is not installed"
)
@pytest.mark.model
def test_the_real_programs_and_we_write_files_that_compute_the_same(tmp_path: Path) -> None:
    source = open_artifact(default_safetensors())
    ours: Any = logits(built(source, "q4_k_m", tmp_path), "llamacpp")

    theirs = build(
        source,
        find_recipe("q4_k_m"),
        tmp_path / "theirs",
        tmp_path,
        report=print,
        track=silent,
        llama_cpp=LlamaCpp.find(),
    )

    assert np.abs(logits(theirs, "llamacpp") - ours).max() < 1e-3
