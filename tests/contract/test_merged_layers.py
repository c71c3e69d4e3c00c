"""Layers that read the same input, merged into one, in every precision."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.models import write_tiny_llama
from tests.support.engines import default_artifacts
from worker.engines.settings import EngineSettings, Quantization

torch = pytest.importorskip("torch")
from worker.engines.transformers.loading import load_model  # noqa: E402
from worker.engines.transformers.merge import SideBySide, merge  # noqa: E402

pytestmark = [pytest.mark.model, pytest.mark.torch]
NAMES = ["q_proj", "k_proj", "v_proj"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_llama(tmp_path_factory.mktemp("tiny") / "model", attention_bias=True)


def attention(tiny: Path, quantization: str) -> Any:
    settings = EngineSettings(quantization=Quantization(quantization))
    artifact = replace(default_artifacts()["safetensors"], path=tiny)
    return load_model(artifact, settings).model.layers[0].self_attn


@pytest.mark.parametrize("quantization", ["fp32", "bf16", "nf4", "fp4", "nf4-dq", "int8"])
def test_a_merged_layer_says_what_its_parts_said(tiny: Path, quantization: str) -> None:
    # given three layers, and what each makes of some input
    layers = attention(tiny, quantization)
    apart = attention(tiny, quantization)
    x = torch.randn(5, 256, generator=torch.Generator().manual_seed(1)).to(
        apart.o_proj.weight.dtype
    )
    x = x if x.is_floating_point() else x.bfloat16()
    with torch.inference_mode():
        said = [getattr(apart, name)(x) for name in NAMES]
        # when they are merged
        whole = merge(layers, NAMES)
        together = whole(x)
        parts = [getattr(layers, name)(x) for name in NAMES]
    # then one call says the same, and so does each by its old name
    tolerance = {"fp32": 1e-5}.get(quantization, 0.02)
    scale = float(torch.cat(said, -1).float().abs().max())
    for expected, part in zip(torch.cat(said, -1).float(), together.float(), strict=True):
        assert part.tolist() == pytest.approx(expected.tolist(), abs=tolerance * scale)
    assert torch.equal(torch.cat(parts, -1), together)


def test_what_cannot_be_merged_stays_side_by_side(tiny: Path) -> None:
    # nested scales have an offset of their own for each layer
    assert isinstance(merge(attention(tiny, "nf4-dq"), NAMES), SideBySide)


def test_merging_twice_changes_nothing(tiny: Path) -> None:
    layers = attention(tiny, "fp32")
    assert merge(layers, NAMES) is merge(layers, NAMES)
