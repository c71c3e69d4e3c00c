"""LlamaForCausalLM in the precision asked for, on the GPU if there is one."""

import logging
from typing import TYPE_CHECKING, Any

import torch

from common.artifact import Artifact
from worker.engines.base import ModelUnavailable
from worker.engines.cores import usable_cores
from worker.engines.settings import EngineSettings, Quantization

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

#: Takes the additive mask of our cache, which flash attention does not.
ATTENTION = "sdpa"


def load_model(artifact: Artifact, settings: EngineSettings) -> "LlamaForCausalLM":
    """Read the safetensors of ``artifact`` and quantize them. Raises ModelUnavailable."""
    if artifact.format != "safetensors":
        raise ModelUnavailable(
            f"the transformers engine reads safetensors, and {artifact.path} is {artifact.format}: "
            "run `python -m quantization fetch`, or use ENGINE=llamacpp"
        )
    _keep_libraries_quiet()
    torch.set_num_threads(min(settings.n_threads, usable_cores()))
    precision = precision_of(artifact, settings.quantization)
    try:
        return _read(artifact, precision, settings)
    except ModelUnavailable:
        raise
    except Exception as error:
        raise ModelUnavailable(f"cannot load {artifact.path}: {error}") from error


def precision_of(artifact: Artifact, asked: Quantization) -> Quantization:
    """What the files are quantized to, if they are; else what was asked for."""
    if artifact.quantization == "none":
        return asked
    try:
        return Quantization(artifact.quantization)
    except ValueError:
        raise ModelUnavailable(
            f"{artifact.path} is quantized as {artifact.quantization}, which the transformers "
            f"engine does not run: it knows {', '.join(Quantization)}"
        ) from None


def _read(
    artifact: Artifact, quantization: Quantization, settings: EngineSettings
) -> "LlamaForCausalLM":
    from transformers import AutoConfig, LlamaForCausalLM

    # No code that came with the weights, no pickle, and nothing from anywhere else.
    safe = {"trust_remote_code": False, "local_files_only": True}
    kind = AutoConfig.from_pretrained(artifact.path, **safe).model_type  # nosec B615
    if kind != "llama":
        raise ModelUnavailable(f"the transformers engine runs Llama models, not {kind}")
    device = _device(settings.gpu_memory_fraction)
    precision = _precision(quantization, device, settings.int8_threshold)
    if artifact.quantization != "none":
        precision.pop("quantization_config", None)  # the files say themselves how
    model = LlamaForCausalLM.from_pretrained(  # nosec B615
        artifact.path,
        use_safetensors=True,
        **safe,
        attn_implementation=ATTENTION,
        device_map={"": device},
        **precision,
    )
    return model.eval()


def _precision(
    quantization: Quantization, device: torch.device, int8_threshold: float
) -> dict[str, Any]:
    """``from_pretrained``'s arguments for weights that are not quantized yet."""
    from transformers import BitsAndBytesConfig

    if quantization in _DTYPES:
        return {"dtype": _DTYPES[quantization]}
    if quantization is Quantization.INT4_FAST:
        from worker.engines.transformers.int4_loading import Int4Config

        return {"dtype": torch.bfloat16, "quantization_config": Int4Config()}
    if quantization is Quantization.INT8:
        # LLM.int8() computes in float16; a CPU is far slower in it everywhere else.
        dtype = torch.float16 if device.type == "cuda" else torch.bfloat16
        config = BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=int8_threshold)
    else:
        dtype = torch.bfloat16
        config = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="fp4" if quantization is Quantization.FP4 else "nf4",
            bnb_4bit_use_double_quant=quantization is Quantization.NF4_DQ,
            bnb_4bit_compute_dtype=dtype,
        )
    return {"dtype": dtype, "quantization_config": config}


_DTYPES = {
    Quantization.BF16: torch.bfloat16,
    Quantization.FP16: torch.float16,
    Quantization.FP32: torch.float32,
}


def _device(gpu_memory_fraction: float) -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.cuda.set_per_process_memory_fraction(gpu_memory_fraction)
    # With a mask, cuDNN comes first on an H100, and builds a plan of 0.4 s for each new length.
    torch.backends.cuda.enable_cudnn_sdp(False)
    return torch.device("cuda", torch.cuda.current_device())


def _keep_libraries_quiet() -> None:
    """No progress bars, and no line for every INT8 product."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    from transformers.utils.logging import disable_progress_bar, set_verbosity_error

    set_verbosity_error()
    disable_progress_bar()
