"""Linear layers that read the same input, as one: a product of its own costs more than its numbers.

Rows of a weight matrix do not influence each other, in no precision here, so nothing changes
but the number of calls.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from worker.engines.transformers.packed import packed


class Part(nn.Module):  # type: ignore[misc]
    """Stands where one of the layers was, for code that asks it: its share of what ``whole`` makes."""

    def __init__(self, whole: nn.Module, start: int, length: int) -> None:
        super().__init__()
        self.whole, self._start, self._length = whole, start, length

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [..., in] -> [..., length]."""
        return self.whole(x).narrow(-1, self._start, self._length)


class SideBySide(nn.Module):  # type: ignore[misc]
    """Layers that have to stay apart."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [..., in] -> [..., out of all]."""
        return torch.cat([layer(x) for layer in self.layers], -1)


def merge(parent: nn.Module, names: Sequence[str]) -> nn.Module:
    """Put one layer in the place of those that ``parent`` has under ``names``; return it."""
    layers = [getattr(parent, name) for name in names]
    if isinstance(layers[0], Part):
        return layers[0].whole
    whole, start = packed(_merger(layers)(layers)), 0
    for name, layer in zip(names, layers, strict=True):
        setattr(parent, name, Part(whole, start, layer.out_features))
        start += layer.out_features
    return whole


def _merger(layers: Sequence[Any]) -> Callable[[Sequence[Any]], nn.Module]:
    kind = type(layers[0])
    if any(type(layer) is not kind for layer in layers):
        return SideBySide
    if kind is nn.Linear:
        return _dense
    if hasattr(kind, "merged"):
        merger: Callable[[Sequence[Any]], nn.Module] = kind.merged
        return merger
    if kind.__name__ == "Linear8bitLt":
        return _int8
    if kind.__name__ == "Linear4bit" and all(_is_plain_4bit(layer) for layer in layers):
        return _int4
    return SideBySide


def _dense(layers: Sequence[nn.Linear]) -> nn.Linear:
    whole = nn.Linear(layers[0].in_features, _rows(layers), bias=False, device="meta")
    whole.weight = _fixed(torch.cat([layer.weight for layer in layers]))
    whole.bias = _bias(layers)
    return whole.eval()


def _int8(layers: Sequence[Any]) -> nn.Module:
    from bitsandbytes.nn.modules import Int8Params, Linear8bitLt

    first = layers[0]
    whole = Linear8bitLt(
        first.in_features,
        _rows(layers),
        bias=False,
        has_fp16_weights=False,
        threshold=first.state.threshold,
        device="meta",
    )
    levels = torch.cat([layer.weight.CB for layer in layers])
    scales = torch.cat([layer.weight.SCB for layer in layers])
    whole.weight = Int8Params(levels, requires_grad=False, CB=levels, SCB=scales)
    whole.bias = _bias(layers)
    return whole.eval()


def _int4(layers: Sequence[Any]) -> nn.Module:
    from bitsandbytes.functional import QuantState
    from bitsandbytes.nn.modules import Linear4bit, Params4bit

    first, state = layers[0], layers[0].weight.quant_state
    rows, columns = _rows(layers), first.in_features
    whole = Linear4bit(  # type: ignore[no-untyped-call]
        columns,
        rows,
        bias=False,
        compute_dtype=first.compute_dtype,
        quant_type=state.quant_type,
        device="meta",
    )
    whole.weight = Params4bit(
        torch.cat([layer.weight.data.view(-1, 1) for layer in layers]),
        quant_state=QuantState(  # type: ignore[no-untyped-call]
            absmax=torch.cat([layer.weight.quant_state.absmax for layer in layers]),
            shape=torch.Size((rows, columns)),
            code=state.code,
            blocksize=state.blocksize,
            quant_type=state.quant_type,
            dtype=state.dtype,
        ),
        blocksize=state.blocksize,
        quant_type=state.quant_type,
        bnb_quantized=True,
    )
    whole.bias = _bias(layers)
    return whole.eval()


def _is_plain_4bit(layer: Any) -> bool:
    """Whether its blocks lie within rows, and their scales are numbers of their own."""
    state = layer.weight.quant_state
    return not state.nested and layer.in_features % state.blocksize == 0


def _bias(layers: Sequence[Any]) -> nn.Parameter | None:
    if layers[0].bias is None:
        return None
    return _fixed(torch.cat([layer.bias for layer in layers]))


def _fixed(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor, requires_grad=False)


def _rows(layers: Sequence[Any]) -> int:
    return sum(layer.out_features for layer in layers)
