"""The safetensors of the default model hold the weights of its GGUF file."""

import json

import numpy as np
import pytest

from common.artifact import open_artifact
from tests.models import default_gguf, default_safetensors

pytestmark = [pytest.mark.model, pytest.mark.torch]


@pytest.mark.parametrize(
    ("converted", "original"),
    [
        ("model.embed_tokens.weight", "token_embd.weight"),
        ("model.norm.weight", "output_norm.weight"),
        ("model.layers.7.mlp.down_proj.weight", "blk.7.ffn_down.weight"),
        ("model.layers.29.self_attn.v_proj.weight", "blk.29.attn_v.weight"),
    ],
)
def test_a_tensor_is_the_dequantized_one_rounded_to_float16(converted: str, original: str) -> None:
    from gguf import GGUFReader
    from gguf.quants import dequantize
    from safetensors import safe_open

    with safe_open(default_safetensors() / "model.safetensors", "numpy") as weights:
        found = weights.get_tensor(converted)
    tensors = {tensor.name: tensor for tensor in GGUFReader(default_gguf()).tensors}
    expected = dequantize(tensors[original].data, tensors[original].tensor_type)

    assert found.dtype == np.float16
    assert np.array_equal(found, expected.astype(np.float16))


def test_both_formats_are_one_model_to_a_client() -> None:
    gguf, safetensors = open_artifact(default_gguf()), open_artifact(default_safetensors())

    assert safetensors.name == gguf.name
    assert safetensors.parameters == gguf.parameters
    assert safetensors.context_size == gguf.context_size
    assert safetensors.eos_token_ids == gguf.eos_token_ids
    assert safetensors.special_tokens == gguf.special_tokens
    assert safetensors.chat_template == gguf.chat_template
    assert safetensors.tokenizer_path.read_bytes() == gguf.tokenizer_path.read_bytes()


def test_generate_ends_where_the_artifact_says() -> None:
    artifact = open_artifact(default_safetensors())

    generation = json.loads((artifact.path / "generation_config.json").read_text())

    assert set(generation["eos_token_id"]) == artifact.eos_token_ids
