"""How to quantize: named, frozen values."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any

from common.artifact import ArtifactError


@dataclass(frozen=True, slots=True)
class Recipe:
    """What ``build`` makes of full-precision weights.

    ``bits`` are those of a quantized weight, its share of the scales included (for a mixture:
    of its main type); ``engine`` serves the result; ``file_type`` is llama.cpp's name, for GGUF.
    """

    name: str
    title: str
    bits: float
    engine: str
    method: str
    file_type: str | None = None

    @property
    def is_gguf(self) -> bool:
        """Whether the artifact is a .gguf file; else it is a directory of safetensors."""
        return self.file_type is not None

    def to_dict(self) -> dict[str, Any]:
        """The form in which a manifest keeps it."""
        return asdict(self)


def _torch(name: str, title: str, bits: float, method: str) -> Recipe:
    return Recipe(name, title, bits, "transformers", method)


def _gguf(name: str, bits: float, method: str) -> Recipe:
    return Recipe(name, f"GGUF {name.upper()}", bits, "llamacpp", method, name.upper())


_LLM_INT8 = "bitsandbytes LLM.int8(): rows of int8 with a scale each; columns with outliers in FP16"
_IN_BLOCKS = "in blocks of 64 with an FP32 scale each"

_INTEGERS = "torch's own kernels: groups of 32 integers with a BF16 scale and a BF16 zero"

#: By name, in the order of the table; FP16 is what every percentage refers to.
RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _torch("fp16", "Original FP16", 16, "IEEE half precision"),
        _torch("fp32", "Original FP32", 32, "IEEE single precision"),
        _torch("bf16", "Original BF16", 16, "bfloat16"),
        _torch("int8", "8-bit INT8", 8, _LLM_INT8),
        _torch("nf4", "4-bit INT4 (NF4)", 4.5, f"bitsandbytes NormalFloat4 {_IN_BLOCKS}"),
        _torch("int4-fast", "4-bit INT4 (groups)", 5.0, _INTEGERS),
        _torch("fp4", "4-bit FP4", 4.5, f"bitsandbytes FP4 {_IN_BLOCKS}"),
        _torch("nf4-dq", "4-bit NF4 + DQ", 4.127, "NF4 with scales quantized to 8 bits in turn"),
        _gguf("q8_0", 8.5, "blocks of 32 int8 with an FP16 scale"),
        _gguf("q4_0", 4.5, "blocks of 32 int4 with an FP16 scale"),
        _gguf("q4_1", 5.0, "blocks of 32 int4 with an FP16 scale and an FP16 minimum"),
        _gguf(
            "q4_k_m",
            4.5,
            "llama.cpp's mixture: Q4_K, with Q6_K for the output and half of attn_v and ffn_down",
        ),
    )
}

REFERENCE = "fp16"


def find_recipe(name: str) -> Recipe:
    """The recipe ``name``, in any case. Raises ArtifactError, which names the nearest."""
    recipe = RECIPES.get({"int4": "nf4"}.get(name.lower(), name.lower()))
    if recipe is not None:
        return recipe
    near = get_close_matches(name.lower(), RECIPES, n=1, cutoff=0.3)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise ArtifactError(f"there is no recipe {name}.{hint} They are: {', '.join(RECIPES)}")
