"""A Llama checkpoint under the names, shapes and keys of llama.cpp.

Source: llama.cpp, conversion of LlamaForCausalLM (convert_hf_to_gguf.py).
"""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from common.artifact import Artifact, ArtifactError
from quantization.build.llama_cpp import NotKnownHere
from quantization.build.vocabulary import Vocabulary
from quantization.weights import Weights

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGUFWriter
    from numpy.typing import NDArray

_IGNORED = ("rotary_emb.inv_freq",)


def write_keys(writer: "GGUFWriter", config: Mapping[str, Any], source: Artifact) -> None:
    """What the model is: sizes, positions, vocabulary, chat template."""
    heads = config["num_attention_heads"]
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    writer.add_name(source.name)
    writer.add_license(str(source.manifest["licence"]))
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(source.context_size)
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads", heads))
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(float(_rope(config).get("rope_theta", 10000.0)))
    _write_linear_scaling(writer, _rope(config))
    _write_vocabulary(writer, source, config["vocab_size"])
    if source.chat_template:
        writer.add_chat_template(source.chat_template)


def tensors(
    config: Mapping[str, Any], weights: Weights
) -> Iterator[tuple[str, "NDArray[np.float32]"]]:
    """llama.cpp's name and the values of every tensor. Raises ArtifactError."""
    from gguf import MODEL_ARCH, get_tensor_name_map

    names = get_tensor_name_map(MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    if _rope(config).get("rope_type") == "llama3":
        yield "rope_freqs.weight", _llama3_factors(config)
    for name in weights:
        if name.endswith(_IGNORED) or (name == "lm_head.weight" and is_tied(config)):
            continue
        renamed = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if renamed is None:
            raise ArtifactError(f"{name} is no tensor of a Llama model")
        yield renamed, _as_llama_cpp_has_it(name, weights.read(name), config)


def is_tied(config: Mapping[str, Any]) -> bool:
    """Whether the embedding is the output layer too."""
    return bool(config.get("tie_word_embeddings", False))


def _as_llama_cpp_has_it(
    name: str, tensor: "NDArray[np.float32]", config: Mapping[str, Any]
) -> "NDArray[np.float32]":
    """Queries and keys have the two halves of each rotated pair next to each other."""
    heads = config["num_attention_heads"]
    if ".k_proj." in name:
        heads = config.get("num_key_value_heads", heads)
    elif ".q_proj." not in name:
        return tensor
    pairs = tensor.reshape(heads, 2, tensor.shape[0] // heads // 2, *tensor.shape[1:])
    return pairs.swapaxes(1, 2).reshape(tensor.shape)


def _rope(config: Mapping[str, Any]) -> dict[str, Any]:
    """The positions' parameters, wherever this version of transformers puts them."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    rope = {"rope_theta": config.get("rope_theta", 10000.0)} | rope
    kind = rope.setdefault("rope_type", rope.get("type", "default"))
    if kind not in ("default", "linear", "llama3"):
        raise NotKnownHere(f"rope_type {kind} is not known here")
    return rope


def _write_linear_scaling(writer: "GGUFWriter", rope: Mapping[str, Any]) -> None:
    from gguf import RopeScalingType

    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(float(rope["factor"]))


def _llama3_factors(config: Mapping[str, Any]) -> "NDArray[np.float32]":
    """What divides each frequency in Llama 3.1 and later."""
    import numpy as np

    rope = _rope(config)
    dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    original = rope["original_max_position_embeddings"]
    frequencies = 1.0 / rope["rope_theta"] ** (np.arange(0, dim, 2, dtype=np.float64) / dim)
    smooth = (original * frequencies / (2 * math.pi) - low) / (high - low)
    factors = 1 / ((1 - smooth) / rope["factor"] + smooth)
    factors = np.where(smooth <= 0, rope["factor"], np.where(smooth >= 1, 1.0, factors))
    return factors.astype(np.float32)


def _write_vocabulary(writer: "GGUFWriter", source: Artifact, size: int) -> None:
    vocabulary = Vocabulary.read(source.tokenizer_path.parent, size)
    writer.add_tokenizer_model(vocabulary.model)
    if vocabulary.pre:
        writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    if vocabulary.scores:
        writer.add_token_scores(vocabulary.scores)
    writer.add_token_types([int(kind) for kind in vocabulary.types])
    writer.add_token_merges(vocabulary.merges)
    writer.add_add_bos_token(vocabulary.adds_bos)
    writer.add_add_space_prefix(vocabulary.adds_space)
    ids = {token: token_id for token_id, token in enumerate(vocabulary.tokens)}
    add = {
        "bos_token": writer.add_bos_token_id,
        "eos_token": writer.add_eos_token_id,
        "unk_token": writer.add_unk_token_id,
        "pad_token": writer.add_pad_token_id,
    }
    for name, token in source.special_tokens.items():
        if name in add and token in ids:
            add[name](ids[token])
