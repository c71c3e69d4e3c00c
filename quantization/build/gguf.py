"""Writes GGUF files: gguf's writer around llama.cpp's kernels."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.artifact import Artifact
from quantization.build import llama_gguf
from quantization.build.ggml import Quantizer
from quantization.build.mixture import Layout, tensor_type
from quantization.progress import Track
from quantization.recipes import Recipe
from quantization.weights import Weights
from worker.engines.cores import usable_cores


def write_gguf(source: Artifact, recipe: Recipe, path: Path, track: Track) -> None:
    """Quantize the safetensors of ``source`` into the file ``path``. Raises ArtifactError."""
    from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType

    config = json.loads((source.path / "config.json").read_text("utf-8"))
    weights = Weights(sorted(source.path.glob("*.safetensors")))
    quantizer = Quantizer(usable_cores())
    layout = _layout(config, weights)
    writer = GGUFWriter(path, "llama", use_temp_file=True)
    llama_gguf.write_keys(writer, config, source)
    writer.add_file_type(LlamaFileType[f"MOSTLY_{recipe.file_type}"])
    writer.add_quantization_version(2)
    for name, tensor in track(llama_gguf.tensors(config, weights), len(weights), recipe.name):
        kind = tensor_type(name, tensor.shape, str(recipe.file_type), layout)
        if kind is GGMLQuantizationType.F32:
            writer.add_tensor(name, tensor)
        elif kind is GGMLQuantizationType.F16:
            writer.add_tensor(name, tensor.astype("float16"))
        else:
            writer.add_tensor(name, quantizer.quantize(tensor, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _layout(config: Mapping[str, Any], weights: Weights) -> Layout:
    heads = config["num_attention_heads"]
    return Layout(
        layers=config["num_hidden_layers"],
        grouped=heads // config.get("num_key_value_heads", heads),
        tied=llama_gguf.is_tied(config) or "lm_head.weight" not in weights,
    )
