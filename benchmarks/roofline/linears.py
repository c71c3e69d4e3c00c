"""One linear layer in every format that could serve, beside each other.

Each runs over copies that no cache holds together, launched as one graph. What a format gives is
compared with the product in FP32 of the weights it was made from.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.roofline.clock import Launch, launcher, seconds
from benchmarks.roofline.settings import Scale
from worker.engines.transformers.int4 import Int4Linear, quantize

#: More than the L2 cache of any GPU of today.
_APART_BYTES = 400 << 20
_TINY_COPIES = 2
BATCHES = (1, 3, 8)

Make = Callable[[nn.Linear], Callable[[Tensor], Tensor]]


def compare(
    formats: Mapping[str, Make], scale: Scale, device: torch.device
) -> Iterator[dict[str, Any]]:
    """{format: {layer: {error, microseconds: {batch: ...}} or {failed: why}}}, one by one."""
    launch = launcher(device)
    for name, make in formats.items():
        layers = scale.linears().items()
        yield {name: {layer: _measured(make, shape, device, launch) for layer, shape in layers}}


def _measured(
    make: Make, shape: tuple[int, int], device: torch.device, launch: Launch
) -> dict[str, Any]:
    try:
        with torch.inference_mode():
            return _timed(make, shape, device, launch)
    except Exception as error:  # noqa: BLE001 - a format that fails here must not end the others
        return {"failed": f"{type(error).__name__}: {error}"}


def _timed(
    make: Make, shape: tuple[int, int], device: torch.device, launch: Launch
) -> dict[str, Any]:
    rows, columns = shape
    on_gpu = device.type == "cuda"
    count = max(_TINY_COPIES, _APART_BYTES // (rows * columns // 2)) if on_gpu else _TINY_COPIES
    layers, error = [], 0.0
    for number in range(count):
        linear = nn.Linear(columns, rows, bias=False, dtype=torch.bfloat16, device=device)
        weight = linear.weight.float()
        layer = make(linear)
        if number == 0:
            x = torch.randn(3, columns, dtype=torch.bfloat16, device=device)
            expected = x.float() @ weight.T
            error = float((layer(x).float() - expected).norm() / expected.norm())
        layers.append(layer)
    took = {}
    for batch in BATCHES:
        x = torch.randn(batch, columns, dtype=torch.bfloat16, device=device)
        work = launch(partial(_through, layers, x))
        took[str(batch)] = seconds(work, device, repeats=15) / count * 1e6
    return {"error": error, "microseconds": took}


def _through(layers: Sequence[Callable[[Tensor], Tensor]], x: Tensor) -> Tensor:
    return [layer(x) for layer in layers][-1]


def _int8(linear: nn.Linear) -> Any:
    bnb: Any = import_module("bitsandbytes.nn")
    made = bnb.Linear8bitLt(
        linear.in_features, linear.out_features, bias=False, has_fp16_weights=False, threshold=0.0
    )
    made.weight = bnb.Int8Params(linear.weight.data.half().cpu(), requires_grad=False)
    return made.to(linear.weight.device).eval()


def _nf4(linear: nn.Linear) -> Any:
    bnb: Any = import_module("bitsandbytes.nn")
    kind = {"compute_dtype": torch.bfloat16, "quant_type": "nf4", "compress_statistics": False}
    made = bnb.Linear4bit(linear.in_features, linear.out_features, bias=False, **kind)
    made.weight = bnb.Params4bit(
        linear.weight.data.cpu(),
        requires_grad=False,
        compress_statistics=False,
        quant_type="nf4",
        module=made,
    )
    return made.to(linear.weight.device).eval()


def _int4(group: int) -> Make:
    def make(linear: nn.Linear) -> nn.Module:
        return Int4Linear(*quantize(linear.weight.detach(), group))

    return make


def _gemlite(linear: nn.Linear) -> Callable[[Tensor], Tensor]:
    """Its kernels subtract the zero from the level before they scale."""
    gemlite: Any = import_module("gemlite.helper")
    packed, scales_and_zeros = quantize(linear.weight.detach())
    levels = torch.stack([packed >> 4, packed & 15], dim=-1).flatten(1)
    scale, zero = (t[..., 0].contiguous() for t in scales_and_zeros.transpose(0, 1).split(1, -1))
    helper = gemlite.A16W4_HQQ_INT(device=str(linear.weight.device), dtype=torch.bfloat16)
    made: Callable[[Tensor], Tensor] = helper.from_weights(
        W_q=levels, scales=scale, zeros=(8 - zero.float() / scale.float()).bfloat16(), bias=None
    )
    return made


#: By name; the last ones are the likeliest to fail, and an error of a kernel may stay.
FORMATS: Mapping[str, Make] = {
    "bf16": lambda linear: linear,
    "int8": _int8,
    "nf4": _nf4,
    **{f"int4-fast, groups of {group}": _int4(group) for group in (32, 64, 128)},
}
GEMLITE: Mapping[str, Make] = {"gemlite int4, groups of 32": _gemlite}
