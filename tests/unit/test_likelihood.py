"""The arithmetic of quality, on numbers that can be done by hand."""

import math
from pathlib import Path

import numpy as np
import pytest

from common.artifact import Artifact, ArtifactError
from quantization.measure.likelihood import agreement, divergence, log_softmax, surprise
from quantization.measure.speed import Spread
from quantization.measure.summary import mean, perplexity, perplexity_ratio, quality_score
from quantization.measure.windows import cut, read_text
from tests.support.engines import default_artifacts

RNG = np.random.default_rng(0)


def test_a_model_that_knows_nothing_has_the_vocabularys_perplexity() -> None:
    logprobs = log_softmax(np.zeros((6, 50), np.float32))
    surprises = surprise(logprobs, np.arange(6))

    assert perplexity([surprises, surprises]) == pytest.approx(50, rel=1e-6)


def test_perplexity_is_the_mean_over_windows() -> None:
    windows = [np.full(4, 1.0), np.full(4, 3.0)]
    assert perplexity(windows) == pytest.approx(math.exp(2))


def test_divergence_is_that_of_the_textbook() -> None:
    p, q = np.array([[0.5, 0.25, 0.25]]), np.array([[0.25, 0.25, 0.5]])
    found = divergence(np.log(p).astype(np.float32), np.log(q).astype(np.float32))

    assert found[0] == pytest.approx(0.25 * math.log(2), rel=1e-5)


def test_agreement_is_about_the_likeliest_token_alone() -> None:
    a = np.log(np.array([[0.6, 0.4], [0.6, 0.4]], np.float32))
    b = np.log(np.array([[0.9, 0.1], [0.4, 0.6]], np.float32))
    assert agreement(a, b).tolist() == [True, False]


def test_a_paired_ratio_is_surer_than_either_perplexity() -> None:
    # given surprises that vary a lot, and a model that is a hundredth worse everywhere
    reference = RNG.exponential(3, 4096)
    worse = reference + 0.01 + RNG.normal(0, 0.02, 4096)

    ratio = perplexity_ratio(worse, reference)

    assert ratio.value == pytest.approx(math.exp(0.01), abs=3 * ratio.error)
    assert ratio.error < 0.001 < 10 * mean(reference).error


def test_the_score_falls_with_each_loss_and_ten_is_none() -> None:
    assert quality_score(1.0, 0.0, 1.0) == 10
    assert quality_score(1.0, 0.0, 0.99) == 10
    assert quality_score(0.9467, 0.0127, 1.0142) == pytest.approx(9.22, abs=0.01)
    for worse in [(0.9, 0.0, 1.0), (1.0, 0.1, 1.0), (1.0, 0.0, 1.1)]:
        assert quality_score(*worse) < 9.2


def test_a_spread_names_the_median_and_both_ends() -> None:
    spread = Spread.of([3.0, 1.0, 2.0])
    assert (spread.median, spread.least, spread.most) == (2.0, 1.0, 3.0)


@pytest.fixture
def artifact() -> Artifact:
    return default_artifacts()["gguf"]


@pytest.mark.model
def test_the_shipped_text_fills_two_windows(artifact: Artifact) -> None:
    windows = cut(artifact, None, 2048)
    assert [len(window) for window in windows.ids] == [2048, 2048]
    assert windows.tokens_scored == 2 * 2047


@pytest.mark.model
def test_a_short_text_is_one_window_and_an_empty_one_is_refused(
    artifact: Artifact, tmp_path: Path
) -> None:
    path = tmp_path / "short.txt"
    path.write_text("A short text about markets.")
    windows = cut(artifact, path, 2048)
    assert len(windows.ids) == 1
    assert windows.tokens_scored == windows.text_tokens - 1
    path.write_text("A")
    with pytest.raises(ArtifactError, match="nothing to score"):
        cut(artifact, path, 2048)


def test_rows_of_a_data_set_are_joined_as_gptq_joins_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "one"}\n{"text": "two"}\n')
    assert read_text(path) == "one\n\ntwo"
