"""Which type each tensor of a GGUF file gets, as llama.cpp's quantizer decides it.

Source: llama.cpp, src/llama-quant.cpp (llama_tensor_get_type, tensor_type_fallback).
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gguf import GGMLQuantizationType

_BLOCK = re.compile(r"blk\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Layout:
    """What the choice depends on besides the tensor.

    ``grouped`` query heads share one of keys and values; ``tied`` is an embedding that is the
    output layer too.
    """

    layers: int
    grouped: int
    tied: bool


def tensor_type(
    name: str, shape: tuple[int, ...], file_type: str, layout: Layout
) -> "GGMLQuantizationType":
    """The type of the tensor ``name`` [rows, columns] in a file of ``file_type``."""
    from gguf import GGMLQuantizationType as Type

    if len(shape) == 1 or "_norm" in name:
        return Type.F32
    if file_type in ("F16", "F32"):
        return Type[file_type]
    is_output = name == "output.weight" or (layout.tied and name == "token_embd.weight")
    if file_type == "Q4_K_M":
        wanted = _q4_k_m(name, layout, is_output=is_output)
    else:
        wanted = file_type
        if is_output and file_type != "Q8_0":
            wanted = "Q6_K"
    return Type[_that_fits(wanted, shape[-1])]


def _q4_k_m(name: str, layout: Layout, *, is_output: bool) -> str:
    if is_output:
        return "Q6_K"
    block = _BLOCK.match(name)
    if block and _wants_more_bits(int(block[1]), layout.layers):
        if "ffn_down" in name:
            return "Q6_K"
        if "attn_v.weight" in name:
            return "Q6_K"
    if "attn_v.weight" in name and layout.layers == 80 and layout.grouped >= 8:  # noqa: PLR2004
        return "Q5_K"  # Llama 70B: eight heads share it
    return "Q4_K"


def _wants_more_bits(layer: int, layers: int) -> bool:
    """The first and the last eighth of the layers, and every third between."""
    eighth = layers // 8
    return layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2  # noqa: PLR2004


def _that_fits(kind: str, columns: int) -> str:
    """K-quants come in blocks of 256, the older types in blocks of 32; F16 takes any row."""
    if kind.endswith("_K") and columns % 256:
        kind = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}[kind]
    if kind.startswith("Q") and columns % (256 if kind.endswith("_K") else 32):
        return "F16"
    return kind
