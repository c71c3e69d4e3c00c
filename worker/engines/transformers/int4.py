"""Linear layers in INT4 by kernels that torch itself has (tinygemm), on CUDA and on CPUs.

``aten::_weight_int4pack_mm`` and its CPU twin. Their CUDA side has not run here.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

#: Weights of a row that share a scale and a zero: what Q4_1 shares too, so its files lose nothing.
GROUP_WEIGHTS = 32
#: Every kernel's tiles divide layers of multiples of these.
_OUT_MULTIPLE, _IN_MULTIPLE = 16, 64
_WIDE_TILE = 128


class Int4Linear(nn.Module):  # type: ignore[misc]
    """``y = x W^T + b``; a weight is ``(level - 8) * scale + zero``, with a level in 0..15.

    ``weight`` holds two levels a byte, uint8 [out, in / 2], the first one in the high half,
    until the first forward pass packs it for its device; from then on it cannot be saved.
    ``scales_and_zeros`` is bfloat16 [in / group, out, 2].
    """

    weight: Tensor
    scales_and_zeros: Tensor

    def __init__(
        self, weight: Tensor, scales_and_zeros: Tensor, bias: nn.Parameter | None = None
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("scales_and_zeros", scales_and_zeros)
        self.bias = bias
        self.out_features, self.in_features = weight.shape[0], 2 * weight.shape[1]
        self.group_weights = self.in_features // scales_and_zeros.shape[0]
        self.is_packed = False

    @classmethod
    def like(cls, linear: nn.Linear) -> "Int4Linear":
        """Room for the weights of ``linear``, on its device."""
        rows, columns, device = linear.out_features, linear.in_features, linear.weight.device
        return cls(
            torch.empty((rows, columns // 2), dtype=torch.uint8, device=device),
            torch.empty((columns // GROUP_WEIGHTS, rows, 2), dtype=torch.bfloat16, device=device),
            linear.bias,
        )

    @classmethod
    def of(cls, linear: nn.Linear) -> "Int4Linear":
        """Quantize the weights of ``linear``."""
        return cls(*quantize(linear.weight.detach()), linear.bias)

    @classmethod
    def merged(cls, layers: Sequence["Int4Linear"]) -> "Int4Linear":
        """One layer whose output is theirs, side by side; none of them has run yet."""
        biases = [layer.bias for layer in layers if layer.bias is not None]
        return cls(
            torch.cat([layer.weight for layer in layers]),
            torch.cat([layer.scales_and_zeros for layer in layers], dim=1),
            nn.Parameter(torch.cat(biases), requires_grad=False) if biases else None,
        )

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [..., in] in bfloat16 -> [..., out]."""
        if not self.is_packed:
            self.weight, self.is_packed = _pack(self.weight), True
        flat = x.reshape(-1, x.shape[-1]).contiguous()
        product = _multiply(flat, self.weight, self.group_weights, self.scales_and_zeros)
        product = product.view(*x.shape[:-1], -1)
        return product if self.bias is None else product + self.bias


def fits(linear: nn.Linear) -> bool:
    """Whether the kernels of every device can run the layer."""
    rows, columns = int(linear.out_features), int(linear.in_features)
    return rows % _OUT_MULTIPLE == 0 and columns % _IN_MULTIPLE == 0


def quantize(weight: Tensor, group_weights: int = GROUP_WEIGHTS) -> tuple[Tensor, Tensor]:
    """Round ``weight`` [out, in] to 16 levels from the least to the most of each group.

    Returns what Int4Linear holds: the levels, two a byte, and the scales and zeros.
    """
    groups = weight.float().unflatten(1, (-1, group_weights))
    least, most = groups.aminmax(dim=-1, keepdim=True)
    scale = ((most - least) / 15).clamp(min=1e-6).bfloat16()
    zero = (least + 8 * scale.float()).bfloat16()
    levels = ((groups - zero.float()) / scale.float() + 8).round_().clamp_(0, 15)
    levels = levels.to(torch.uint8).flatten(1)
    scales_and_zeros = torch.cat([scale, zero], dim=-1).transpose(0, 1).contiguous()
    return levels[:, ::2] << 4 | levels[:, 1::2], scales_and_zeros


def dequantize(weight: Tensor, scales_and_zeros: Tensor) -> Tensor:
    """The float32 weights [out, in] that ``quantize`` made ``weight`` of, as far as it kept them."""
    groups = _levels(weight).float().unflatten(1, (scales_and_zeros.shape[0], -1))
    scale, zero = scales_and_zeros.float().transpose(0, 1).split(1, dim=-1)
    return ((groups - 8) * scale + zero).flatten(1)


def _levels(weight: Tensor) -> Tensor:
    return torch.stack([weight >> 4, weight & 15], dim=-1).flatten(1)


def _pack(weight: Tensor) -> Tensor:
    """In the layout that the kernel of its device reads."""
    if weight.device.type == "cpu":
        pack = torch.ops.aten._convert_weight_to_int4pack_for_cpu  # noqa: SLF001 - no public name
        return pack(_levels(weight).int(), 1)
    inner_tiles = 8 if 2 * weight.shape[1] % _WIDE_TILE == 0 else 4
    return torch.ops.aten._convert_weight_to_int4pack(weight, inner_tiles)  # noqa: SLF001


def _multiply(x: Tensor, packed: Tensor, group_weights: int, scales_and_zeros: Tensor) -> Tensor:
    kernels = torch.ops.aten
    on_cpu = x.device.type == "cpu"
    multiply = kernels._weight_int4pack_mm_for_cpu if on_cpu else kernels._weight_int4pack_mm  # noqa: SLF001
    return multiply(x, packed, group_weights, scales_and_zeros)
