"""Measurements are right, and go on where they were interrupted."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.artifact import Artifact, open_artifact
from quantization.__main__ import main
from quantization.fetch import fetch
from quantization.measure.windows import read_text
from tests.models import default_safetensors, write_tiny_llama

pytestmark = [pytest.mark.torch]

KEYS = [
    "perplexity",
    "tokens_scored",
    "artifact_bytes",
    "peak_memory_bytes",
    "load_seconds",
    "time_to_first_token_seconds",
    "decode_tokens_per_second",
    "mean_kl",
    "top1_agreement",
    "quality_score",
    "protocol",
    "machine",
    "versions",
]

#: Small enough to measure in seconds.
QUICK = ["--window", "64", "--context-size", "64", "--new-tokens", "8", "--repeats", "2"]

#: More at once than there are slots take an engine of their own.
BATCHES = ["--batches", "1,3,4"]


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workshop")


@pytest.fixture(scope="module")
def tiny(state_dir: Path) -> Artifact:
    return fetch(str(write_tiny_llama(state_dir / "tiny")), state_dir, print)[0]


@pytest.fixture(scope="module")
def text(state_dir: Path) -> Path:
    path = state_dir / "text.txt"
    path.write_text(read_text(None)[:400])
    return path


@pytest.fixture(scope="module")
def fp32(tiny: Artifact, text: Path, state_dir: Path) -> dict[str, Any]:
    return measured(tiny.path, "fp32", text, state_dir, *QUICK, "--batches", "1")


@pytest.fixture(scope="module")
def q8_0(tiny: Artifact, text: Path, state_dir: Path) -> dict[str, Any]:
    return measured(tiny.path, "q8_0", text, state_dir, *QUICK, *BATCHES)


def measured(model: Path, recipe: str, text: Path, state_dir: Path, *more: str) -> dict[str, Any]:
    out = state_dir / f"{recipe}.json"
    arguments = ["measure", "--model", str(model), "--recipe", recipe, "--text", str(text)]
    arguments += ["--json", str(out), "--state-dir", str(state_dir), *more]
    assert main(arguments) == 0
    return dict(json.loads(out.read_text()))


def independent_perplexity(model: Path, ids: list[int], window: int) -> float:
    """By transformers' own loss, a window at a time, as GPTQ's script does it."""
    import torch
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    losses = []
    for start in range(0, len(ids) - window + 1, window):
        piece = torch.tensor([ids[start : start + window]])
        with torch.inference_mode():
            losses.append(float(plain(piece, labels=piece).loss))
    return math.exp(sum(losses) / len(losses))


def tokens(model: Path, text: Path) -> list[int]:
    from tokenizers import Tokenizer

    ids: list[int] = Tokenizer.from_file(str(model / "tokenizer.json")).encode(text.read_text()).ids
    return ids


def test_the_result_has_every_key_and_stands_in_the_manifest(
    tiny: Artifact, text: Path, state_dir: Path, q8_0: dict[str, Any]
) -> None:
    assert [key for key in KEYS if key not in q8_0] == []
    assert set(q8_0["decode_tokens_per_second"]) == {"1", "3", "4"}
    assert all(rate > 0 for rate in q8_0["decode_tokens_per_second"].values())
    assert q8_0["tokens_scored"] == (len(tokens(tiny.path, text)) // 64) * 63
    assert q8_0["peak_memory_bytes"] > q8_0["artifact_bytes"] > 0
    assert 0 < q8_0["mean_kl"] < 0.1
    assert 0.9 < q8_0["top1_agreement"] <= 1
    assert 8 < q8_0["quality_score"] < 10
    artifact = open_artifact(state_dir / "models" / "tiny-q8_0")
    assert artifact.bytes == q8_0["artifact_bytes"]
    assert artifact.manifest["measured"]["perplexity"] == q8_0["perplexity"]


def test_perplexity_is_that_of_an_independent_computation(
    tiny: Artifact, text: Path, fp32: dict[str, Any]
) -> None:
    expected = independent_perplexity(tiny.path, tokens(tiny.path, text), 64)
    assert fp32["perplexity"] == pytest.approx(expected, rel=1e-3)


def test_full_precision_beside_itself_loses_nothing(fp32: dict[str, Any]) -> None:
    assert fp32["perplexity_ratio"] == pytest.approx(1, abs=1e-6)
    assert fp32["mean_kl"] == pytest.approx(0, abs=1e-4)  # the reference is kept in float16
    assert fp32["top1_agreement"] == pytest.approx(1, abs=0.01)
    assert fp32["quality_score"] == pytest.approx(10, abs=0.1)


def test_an_interrupted_measurement_goes_on_where_it_was(
    tiny: Artifact, text: Path, state_dir: Path, q8_0: dict[str, Any]
) -> None:
    # given a measurement of which one window was not scored yet
    windows = sorted(state_dir.glob("measurements/*/q8_0-*/window-*.npz"))
    before = {path: path.stat().st_mtime_ns for path in windows}
    windows[1].unlink()
    # when it is run again
    again = measured(tiny.path, "q8_0", text, state_dir, *QUICK, *BATCHES)
    # then only that one was scored, nothing was timed again, and the result is the same
    after = {path: path.stat().st_mtime_ns for path in windows}
    assert [path for path in windows if after[path] != before[path]] == [windows[1]]
    names = ("perplexity", "mean_kl", "decode_tokens_per_second", "load_seconds")
    assert [again[name] for name in names] == [q8_0[name] for name in names]


def test_a_built_gguf_file_is_measured_beside_what_it_was_built_from(
    q8_0: dict[str, Any], text: Path, state_dir: Path
) -> None:
    path = open_artifact(state_dir / "models" / "tiny-q8_0").path

    result = measured(path, "q8_0", text, state_dir, *QUICK, *BATCHES)

    assert result["quality_score"] == q8_0["quality_score"] > 8
    assert result["top1_agreement"] > 0.9


def test_a_gguf_file_of_unknown_origin_has_a_perplexity_and_no_score(
    q8_0: dict[str, Any], text: Path, state_dir: Path, tmp_path: Path
) -> None:
    path = open_artifact(state_dir / "models" / "tiny-q8_0").path
    (tmp_path / "found.gguf").write_bytes(path.read_bytes())

    result = measured(tmp_path / "found.gguf", "q8_0", text, state_dir, *QUICK, "--batches", "1")

    assert result["perplexity"] == pytest.approx(q8_0["perplexity"], rel=1e-6)
    assert result["mean_kl"] is None
    assert result["quality_score"] is None


def test_an_artifact_of_another_recipe_is_refused(
    q8_0: dict[str, Any], text: Path, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = open_artifact(state_dir / "models" / "tiny-q8_0").path
    arguments = ["measure", "--model", str(path), "--recipe", "q4_0", "--text", str(text)]

    assert main([*arguments, "--state-dir", str(state_dir)]) == 1
    assert "is q8_0, not q4_0" in capsys.readouterr().err


def test_what_goes_wrong_in_the_measuring_process_is_said_in_one_line(
    tiny: Artifact, text: Path, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given more new tokens than the context has room for, in an artifact that is there
    arguments = ["measure", "--model", str(tiny.path), "--recipe", "q4_0", "--text", str(text)]
    arguments += ["--state-dir", str(state_dir), "--context-size", "1", "--batches", "1"]

    assert main(arguments) == 1

    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("measure: error: ")


@pytest.mark.model
def test_perplexity_of_the_default_model_is_that_of_an_independent_computation() -> None:
    # given the default model, and a piece of the shipped text
    from common.tokenizer import ModelTokenizer
    from quantization.measure.likelihood import log_softmax, surprise
    from worker.engines import create_engine
    from worker.engines.settings import EngineSettings, Quantization

    artifact = open_artifact(default_safetensors())
    ids = ModelTokenizer.load(artifact)._encoder.encode(read_text(None)).ids[:512]
    # when the engine that serves scores it
    settings = EngineSettings(
        slots=1, context_size=512, scoring=True, quantization=Quantization.FP32
    )
    engine: Any = create_engine("transformers", settings, artifact, ModelTokenizer.load(artifact))
    engine.load()
    logprobs = log_softmax(np.concatenate(list(engine.score(ids)))[:-1])
    engine.close()
    found = math.exp(surprise(logprobs, np.array(ids[1:])).mean())
    # then that is what transformers computes at once
    expected = independent_perplexity(artifact.path, ids, 512)
    assert found == pytest.approx(expected, rel=1e-3)
