"""Dense layers of BF16, packed for the processor."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from torch import nn

torch = pytest.importorskip("torch")
from worker.engines.transformers.packed import PackedLinear, pack  # noqa: E402

pytestmark = pytest.mark.torch

needs_bf16 = pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this processor multiplies no BF16"
)


def parent(dtype: str, *, bias: bool = False) -> "nn.Module":
    torch.manual_seed(1)
    return torch.nn.ModuleDict(
        {"layer": torch.nn.Linear(96, 160, bias, dtype=getattr(torch, dtype))}
    )


@needs_bf16
@pytest.mark.parametrize("shape", [(1, 96), (3, 96), (40, 96), (2, 5, 96)])
@pytest.mark.parametrize("bias", [False, True])
def test_a_packed_layer_says_what_it_said_before(shape: tuple[int, ...], bias: bool) -> None:
    # given a layer, and what it makes of some input
    layers = parent("bfloat16", bias=bias)
    x = torch.randn(shape).bfloat16()
    with torch.inference_mode():
        said = layers["layer"](x)
        # when it is packed
        packed = pack(layers, "layer")
        # then it says the same
        torch.testing.assert_close(packed(x), said, rtol=0.02, atol=0.02)
    assert isinstance(layers["layer"], PackedLinear)
    assert packed.weight.nbytes == 2 * 96 * 160


@needs_bf16
def test_packing_twice_changes_nothing() -> None:
    layers = parent("bfloat16")
    assert pack(layers, "layer") is pack(layers, "layer")


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_other_precisions_stay_as_they_are(dtype: str) -> None:
    layers = parent(dtype)
    layer = layers["layer"]
    assert pack(layers, "layer") is layer
