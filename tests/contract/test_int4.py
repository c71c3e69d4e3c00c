"""INT4 layers by torch's own kernels compute what their levels, scales and zeros say."""

from pathlib import Path
from typing import Any

import pytest

from common.artifact import Artifact
from quantization.fetch import fetch
from tests.models import write_tiny_llama
from worker.engines.base import ModelUnavailable
from worker.engines.settings import EngineSettings, Quantization

torch = pytest.importorskip("torch")
from worker.engines.transformers.int4 import (  # noqa: E402
    GROUP_WEIGHTS,
    Int4Linear,
    dequantize,
    fits,
    quantize,
)
from worker.engines.transformers.loading import load_model  # noqa: E402

pytestmark = pytest.mark.torch

FAST = EngineSettings(quantization=Quantization.INT4_FAST)


def linear(rows: int, columns: int, *, bias: bool = False) -> Any:
    torch.manual_seed(rows + columns)
    return torch.nn.Linear(columns, rows, bias=bias, dtype=torch.bfloat16)


@pytest.mark.parametrize("tokens", [1, 3, 8, 100])
@pytest.mark.parametrize(("rows", "columns"), [(16, 64), (192, 576), (576, 1536)])
def test_a_layer_multiplies_by_the_weights_that_it_kept(
    rows: int, columns: int, tokens: int
) -> None:
    layer = linear(rows, columns, bias=True)
    kept = dequantize(*quantize(layer.weight))
    x = torch.randn(2, tokens, columns, dtype=torch.bfloat16)

    with torch.inference_mode():
        product = Int4Linear.of(layer)(x).float()

    expected = x.float() @ kept.T + layer.bias.float()
    assert product.shape == (2, tokens, rows)
    assert torch.linalg.norm(product - expected) < 0.01 * torch.linalg.norm(expected)


def test_a_weight_moves_by_half_a_step_of_its_group_at_most() -> None:
    weight = linear(64, 256).weight.detach()
    groups = weight.float().unflatten(1, (-1, GROUP_WEIGHTS))
    least, most = groups.aminmax(dim=-1, keepdim=True)

    moved = (dequantize(*quantize(weight)) - weight.float()).unflatten(1, (-1, GROUP_WEIGHTS))

    assert (moved.abs() <= 0.55 * (most - least) / 15).all()  # scales are rounded to bfloat16


def test_weights_of_sixteen_levels_are_kept_as_they_are() -> None:
    levels = torch.randint(0, 16, (32, 128)).float()
    levels[:, ::GROUP_WEIGHTS], levels[:, 1::GROUP_WEIGHTS] = 0, 15
    weight = (levels - 8) * 0.125 + 0.5

    assert torch.equal(dequantize(*quantize(weight)), weight)


def test_a_group_of_equal_weights_is_kept() -> None:
    weight = torch.full((16, 64), 0.25)

    assert torch.allclose(dequantize(*quantize(weight)), weight, atol=1e-4)


def test_the_kernels_fit_layers_of_whole_tiles_only() -> None:
    assert fits(linear(16, 64))
    assert not fits(linear(24, 64))
    assert not fits(linear(16, 96))


@pytest.mark.parametrize("bias", [False, True])
def test_merged_layers_give_their_outputs_side_by_side(bias: bool) -> None:
    layers = [Int4Linear.of(linear(rows, 128, bias=bias)) for rows in (64, 16, 32)]
    x = torch.randn(3, 128, dtype=torch.bfloat16)

    with torch.inference_mode():
        merged = Int4Linear.merged(layers)(x)
        apart = torch.cat([layer(x) for layer in layers], dim=-1)

    assert torch.equal(merged, apart)


@pytest.fixture
def tiny(tmp_path: Path) -> Artifact:
    return fetch(str(write_tiny_llama(tmp_path / "tiny", intermediate_size=520)), tmp_path, print)[
        0
    ]


def test_what_does_not_fit_and_the_output_layer_stay_as_they_are(tiny: Artifact) -> None:
    model = load_model(tiny, FAST)

    names = {name for name, module in model.named_modules() if isinstance(module, Int4Linear)}
    assert names == {f"model.layers.{n}.self_attn.{k}_proj" for n in range(2) for k in "qkvo"}
    assert model.lm_head.weight.dtype == torch.bfloat16


def test_files_with_other_groups_are_refused(tiny: Artifact, tmp_path: Path) -> None:
    load_model(tiny, FAST).save_pretrained(tiny.path)
    config = tiny.path / "config.json"
    config.write_text(config.read_text().replace('"group_weights": 32', '"group_weights": 64'))

    with pytest.raises(ModelUnavailable, match="groups of 64 weights: 32 are known"):
        load_model(tiny, FAST)
