"""Teaches transformers' ``from_pretrained`` and ``save_pretrained`` the layers of ``int4``.

A layer is quantized as soon as its weights are read, on the device that will run it: the model
is never in memory as a whole in 16 bits.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.core_model_loading import ConversionOps
from transformers.quantizers import HfQuantizer
from transformers.quantizers.auto import register_quantization_config, register_quantizer
from transformers.utils.quantization_config import QuantizationConfigMixin

from worker.engines.settings import Quantization
from worker.engines.transformers.int4 import GROUP_WEIGHTS, Int4Linear, fits, quantize

#: What ``quant_method`` says in the configuration of a model that is stored so.
METHOD = Quantization.INT4_FAST.value
_AMPERE = (8, 0)


@register_quantization_config(METHOD)
class Int4Config(QuantizationConfigMixin):  # type: ignore[misc]
    """How it is stored; files with other groups are refused."""

    def __init__(self, group_weights: int = GROUP_WEIGHTS, **_: Any) -> None:
        if group_weights != GROUP_WEIGHTS:
            raise ValueError(f"groups of {group_weights} weights: {GROUP_WEIGHTS} are known")
        self.quant_method: Any = METHOD
        self.group_weights = group_weights


@register_quantizer(METHOD)
class Int4Quantizer(HfQuantizer):  # type: ignore[misc]
    """Linear layers that the kernels fit, but for the output layer; the rest stays BF16."""

    is_trainable = False

    def validate_environment(self, *_: Any, **__: Any) -> None:
        """Raises RuntimeError on a GPU that the kernels were not made for."""
        if torch.cuda.is_available() and torch.cuda.get_device_capability() < _AMPERE:
            found = ".".join(map(str, torch.cuda.get_device_capability()))
            raise RuntimeError(f"{METHOD} needs compute capability 8.0, and this GPU has {found}")

    def update_dtype(self, _: torch.dtype) -> torch.dtype:
        """The kernels multiply in bfloat16."""
        return torch.bfloat16

    def is_serializable(self) -> bool:
        """Before the first forward pass."""
        return True

    def param_needs_quantization(self, model: PreTrainedModel, param_name: str, **_: Any) -> bool:
        """Whether the weights read under this name are those of an Int4Linear."""
        name, kind = param_name.rsplit(".", 1)
        return kind == "weight" and isinstance(model.get_submodule(name), Int4Linear)

    def get_quantize_ops(self) -> "Int4Quantize":
        """What is done with them."""
        return Int4Quantize()

    def _process_model_before_weight_loading(self, model: PreTrainedModel, **_: Any) -> None:
        kept = set(self.get_modules_to_not_convert(model))
        for name, module in list(model.named_modules()):
            if isinstance(module, nn.Linear) and name not in kept and fits(module):
                parent, _, own = name.rpartition(".")
                setattr(model.get_submodule(parent), own, Int4Linear.like(module))


class Int4Quantize(ConversionOps):  # type: ignore[misc]
    """One weight of the checkpoint becomes levels, scales and zeros."""

    def convert(self, input_dict: dict[str, Any], **_: Any) -> dict[str, Tensor]:
        """``input_dict`` has one entry: the full name of the weight, and the tensor read."""
        ((name, read),) = input_dict.items()
        weight, scales_and_zeros = quantize(read[0] if isinstance(read, list) else read)
        beside = f"{name.removesuffix('weight')}scales_and_zeros"
        return {name: weight, beside: scales_and_zeros}
