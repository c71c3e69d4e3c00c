"""INT4 layers by torch's own kernels compute what their levels, scales and zeros say."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.artifact import Artifact
from quantization.fetch import fetch
from tests.models import write_tiny_llama
from worker.engines.base import ModelUnavailable
from worker.engines.settings import EngineSettings, Quantization

torch = pytest.importorskip("torch")
from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: E402

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


def as_cuda_packs(weight: Any, inner_tiles: int) -> Any:
    """[out / 8, in / (16 inner_tiles), 32, inner_tiles / 2] of bytes [out, in / 2].

    As matrix_to_m16n8k16_Bint4_layout of PyTorch's int4mm.cu does it, a lane at a time.
    """
    rows, width = weight.shape
    packed = torch.zeros(rows // 8, 2 * width // (16 * inner_tiles), 32, inner_tiles // 2)
    packed = packed.long()
    for tile, outer, lane, word in np.ndindex(*packed.shape):
        base = (outer * inner_tiles + 2 * word) * 8 + lane % 4
        four = [int(weight[tile * 8 + lane // 4, base + more]) for more in (0, 4, 8, 12)]
        nibbles = [byte >> 4 for byte in four] + [byte & 15 for byte in four]
        packed[tile, outer, lane, word] = sum(n << 4 * at for at, n in enumerate(nibbles))
    return packed


def as_tensor_cores_read(packed: Any) -> Any:
    """Levels [out, in] of what is packed: where m16n8k16 has the values of each lane's registers."""
    tiles, outers, _, words = packed.shape
    levels = torch.zeros(8 * tiles, outers * words * 32)
    for tile, outer, lane, word in np.ndindex(*packed.shape):
        value = int(packed[tile, outer, lane, word])
        for register in range(4):  # two values each, of bits 4 register and 16 on
            column = (outer * words + word) * 32 + register * 8 + 2 * (lane % 4)
            levels[8 * tile + lane // 4, column] = value >> 4 * register & 15
            levels[8 * tile + lane // 4, column + 1] = value >> 4 * register + 16 & 15
    return levels


@pytest.mark.parametrize("inner_tiles", [4, 8])
def test_cuda_s_kernel_reads_the_levels_in_their_order(inner_tiles: int) -> None:
    weight = torch.randn(16, 256)
    bytes_, scales_and_zeros = quantize(weight)

    levels = as_tensor_cores_read(as_cuda_packs(bytes_, inner_tiles))

    scale, zero = scales_and_zeros.float().transpose(0, 1).split(1, dim=-1)
    groups = (levels.unflatten(1, (-1, GROUP_WEIGHTS)) - 8) * scale + zero
    assert torch.equal(groups.flatten(1), dequantize(bytes_, scales_and_zeros))


@pytest.mark.parametrize(
    ("rows", "columns"),
    [(12_288, 4096), (22_016, 4096), (4096, 11_008), (1536, 576), (16, 64)],
)
def test_layers_on_cuda_pass_what_its_operators_check(rows: int, columns: int) -> None:
    with FakeTensorMode():
        empty = partial(torch.empty, device="cuda")
        scales_and_zeros = empty(columns // GROUP_WEIGHTS, rows, 2, dtype=torch.bfloat16)
        layer = Int4Linear(empty(rows, columns // 2, dtype=torch.uint8), scales_and_zeros)
        product = layer(empty(3, columns, dtype=torch.bfloat16))

        tiles, supertiles, lanes, words = layer.weight.shape
        assert (product.shape, product.dtype) == ((3, rows), torch.bfloat16)
        assert (8 * tiles, 32 * words * supertiles, lanes) == (rows, columns, 32)
        assert layer.weight.dtype == torch.int32


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
