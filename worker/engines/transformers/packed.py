"""Dense layers of BF16 on a CPU, with their weights as oneDNN's kernels read them.

Given plain weights, a kernel waits for memory more than twice as long: on two cores of a Zen 5 all
products of SmolLM2-135M took 15 ms for one row and 16 for eight, and take 6 and 8.
"""

import torch
from torch import Tensor, nn

# These are what torch.compile puts into models whose weights stay as they are.
_reorder = torch.ops.mkldnn._reorder_linear_weight  # noqa: SLF001
_multiply = torch.ops.mkldnn._linear_pointwise  # noqa: SLF001
_multiplies_bf16 = torch.ops.mkldnn._is_mkldnn_bf16_supported  # noqa: SLF001


class PackedLinear(nn.Module):  # type: ignore[misc]
    """``y = x W^T + b``."""

    weight: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.register_buffer("weight", _reorder(linear.weight.detach()))
        self.bias = linear.bias

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [..., in] -> [..., out]."""
        return _multiply(x, self.weight, self.bias, "none", [], "")


def pack(parent: nn.Module, name: str) -> nn.Module:
    """Pack the layer that ``parent`` has under ``name`` if it gains by that; return it.

    Weights that another layer shares, as those of a tied embedding, are in memory twice then.
    """
    layer = packed(getattr(parent, name))
    setattr(parent, name, layer)
    return layer


def packed(layer: nn.Module) -> nn.Module:
    """``layer``, or a packed one that says the same."""
    if type(layer) is not nn.Linear or not _is_packable(layer.weight):
        return layer
    return PackedLinear(layer)


def _is_packable(weight: Tensor) -> bool:
    """Whether the processor multiplies BF16; in FP32 torch's own kernels are as fast."""
    on_cpu = weight.device.type == "cpu" and weight.dtype == torch.bfloat16
    return on_cpu and bool(_multiplies_bf16())
