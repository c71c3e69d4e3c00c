"""``python -m benchmarks.rounding``: what NF4 and int4-fast lose of weights never rounded before.

The default model was published in Q4_1: its weights lie on a grid that int4-fast has too, which
with them loses nothing. Here noise of half a step is put back into them first. Takes a minute.
"""

from collections.abc import Callable, Mapping, Sequence
from math import exp
from typing import Any

import torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit
from torch import Tensor, nn

from common.artifact import DEFAULT_SAFETENSORS, open_artifact
from common.settings import CommonSettings
from quantization.measure.windows import cut
from worker.engines.transformers.int4 import GROUP_WEIGHTS, dequantize, quantize

_WINDOW = 1024


def through_nf4(weight: Tensor) -> Tensor:
    """``weight`` [out, in] as bitsandbytes' NF4 gives it back."""
    packed, state = quantize_4bit(weight.contiguous(), blocksize=64, quant_type="nf4")
    back: Tensor = dequantize_4bit(packed, state)
    return back.float()


def through_int4_fast(weight: Tensor) -> Tensor:
    """``weight`` [out, in] as Int4Linear gives it back."""
    return dequantize(*quantize(weight))


METHODS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "nf4": through_nf4,
    "int4-fast": through_int4_fast,
}


def unrounded(weight: Tensor) -> Tensor:
    """``weight`` [out, in] with noise of half a step of its groups' 16 levels at most."""
    groups = weight.unflatten(1, (-1, GROUP_WEIGHTS))
    least, most = groups.aminmax(dim=-1, keepdim=True)
    noise = torch.rand_like(groups) - 0.5
    return (groups + noise * (most - least) / 15).flatten(1)


def perplexity(model: Any, windows: Sequence[Sequence[int]]) -> float:
    """Of ``windows``, each scored by itself."""
    losses = []
    for window in windows:
        ids = torch.tensor([window])
        likely = model(ids).logits[0, :-1].log_softmax(-1)
        losses.append(-likely.gather(1, ids[0, 1:, None]).mean().item())
    return exp(sum(losses) / len(losses))


def main() -> None:
    """Print the errors of normal weights, and the perplexities."""
    from transformers import LlamaForCausalLM

    torch.manual_seed(0)
    normal = torch.randn(2048, 2048)
    for name, method in METHODS.items():
        error = (method(normal) - normal).norm() / normal.norm()
        print(f"{name}: root mean square error of normal weights {error:.1%}")  # noqa: T201
    artifact = open_artifact(CommonSettings().state_dir / "models" / DEFAULT_SAFETENSORS)
    model = LlamaForCausalLM.from_pretrained(artifact.path, dtype=torch.float32).eval()  # nosec B615
    windows = cut(artifact, None, _WINDOW).ids
    layers = [layer for layer in model.model.modules() if isinstance(layer, nn.Linear)]
    with torch.inference_mode():
        weights = [unrounded(layer.weight) for layer in layers]
        reference = _through(lambda weight: weight, model, layers, weights, windows)
        print(f"fp32: perplexity {reference:.2f}")  # noqa: T201
        for name, method in METHODS.items():
            found = _through(method, model, layers, weights, windows)
            print(f"{name}: perplexity {found:.2f}, {found / reference - 1:+.1%}")  # noqa: T201


def _through(
    method: Callable[[Tensor], Tensor],
    model: Any,
    layers: Sequence[nn.Linear],
    weights: Sequence[Tensor],
    windows: Sequence[Sequence[int]],
) -> float:
    """The perplexity with every one of ``weights`` gone through ``method``."""
    for layer, weight in zip(layers, weights, strict=True):
        layer.weight.data = method(weight)
    return perplexity(model, windows)


if __name__ == "__main__":
    main()
