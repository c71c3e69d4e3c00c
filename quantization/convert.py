"""Turns a GGUF file into safetensors, which transformers can load and requantize."""

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from common.artifact import CHAT_TEMPLATE, TOKENIZER, Artifact
from quantization.manifest import Manifest, tool_versions, write_json

_NOTE = (
    "Dequantized from GGUF and stored as float16: on a test conversation that moved no logit by "
    "more than 0.05 against the dequantized float32 weights; bfloat16, of the same size, moved "
    "some by 0.28; float32 is twice as large."
)


def can_convert() -> bool:
    """Whether torch and transformers are installed; imports neither."""
    return all(find_spec(package) for package in ("torch", "transformers"))


def convert_to_safetensors(gguf: Artifact, directory: Path) -> None:
    """Write weights, configuration, tokenizer and manifest into ``directory``."""
    model = _load_dequantized(gguf.path)
    eos_token_ids = sorted(gguf.eos_token_ids)
    model.config.eos_token_id = eos_token_ids
    model.generation_config.eos_token_id = eos_token_ids
    model.half().save_pretrained(directory)
    weights = sorted(directory.glob("*.safetensors"))
    for path in weights:
        path.chmod(0o644)  # transformers leaves it to its owner alone
    _copy_tokenizer(gguf, directory)
    Manifest(
        name=gguf.name,
        source=gguf.manifest["source"] | {"converted_from": gguf.path.name},
        licence=gguf.manifest["licence"],
        format="safetensors",
        quantization="none",
        context_size=gguf.context_size,
        parameters=gguf.parameters,
        eos_token_ids=eos_token_ids,
        special_tokens=gguf.special_tokens,
        weights=[path.name for path in weights],
        tools=tool_versions("torch", "transformers", "gguf", "tokenizers"),
        notes=[_NOTE],
    ).write(directory)


def _load_dequantized(path: Path) -> Any:
    """The model in float32; ``dequantize`` makes one that transformers agrees to save."""
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    return AutoModelForCausalLM.from_pretrained(  # nosec B615 - a directory
        path.parent,
        gguf_file=path.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )


def _copy_tokenizer(gguf: Artifact, directory: Path) -> None:
    shutil.copy(gguf.tokenizer_path, directory / TOKENIZER)
    if gguf.chat_template is not None:
        shutil.copy(gguf.path.parent / CHAT_TEMPLATE, directory / CHAT_TEMPLATE)
    configuration = {"tokenizer_class": "PreTrainedTokenizerFast"} | dict(gguf.special_tokens)
    write_json(directory / "tokenizer_config.json", configuration)
