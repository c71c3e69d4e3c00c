"""A Llama with random weights, made by hand and written as an artifact: nothing is downloaded."""

import json
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as Decoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from torch import Tensor
from transformers import LlamaConfig

from benchmarks.roofline.settings import Scale
from common.artifact import TOKENIZER, Artifact, open_artifact
from quantization.label import label_checkpoint

#: Of the weights: so that what flows through the layers neither fades nor grows.
_SPREAD = 0.02


def write_model(directory: Path, scale: Scale, device: torch.device) -> Artifact:
    """Write BF16 weights, a file for each layer, and what belongs to them."""
    directory.mkdir(parents=True)
    torch.manual_seed(0)
    places: dict[str, str] = {}
    for number, tensors in enumerate(_tensors(scale, device)):
        name = f"model-{number:03}.safetensors"
        save_file(tensors, directory / name, metadata={"format": "pt"})
        places |= dict.fromkeys(tensors, name)
    index = {"metadata": {}, "weight_map": places}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))
    config = LlamaConfig(**scale.config(), architectures=["LlamaForCausalLM"], dtype="bfloat16")
    config.save_pretrained(directory)
    write_tokenizer(directory, scale.vocabulary)
    return label(directory)


def write_tokenizer(directory: Path, vocabulary: int) -> None:
    """A token for every byte; the other ids are words that no text is encoded to."""
    alphabet = sorted(ByteLevel.alphabet())
    words = [f"w{number}" for number in range(vocabulary - len(alphabet))]
    ids = {token: number for number, token in enumerate([*alphabet, *words])}
    tokenizer = Tokenizer(BPE(ids, []))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = Decoder()
    tokenizer.save(str(directory / TOKENIZER))


def label(directory: Path) -> Artifact:
    """Digest and describe the files in ``directory``, as ``fetch`` does."""
    label_checkpoint(directory, {"made": "random weights"}, name="random-llama")
    return open_artifact(directory)


def _tensors(scale: Scale, device: torch.device) -> Iterator[dict[str, Tensor]]:
    """What goes into each file."""

    def random(*shape: int) -> Tensor:
        return (torch.randn(shape, device=device) * _SPREAD).bfloat16().cpu()

    hidden, intermediate = scale.hidden, scale.intermediate
    ones = torch.ones(hidden, dtype=torch.bfloat16)
    yield {
        "model.embed_tokens.weight": random(scale.vocabulary, hidden),
        "model.norm.weight": ones,
        "lm_head.weight": random(scale.vocabulary, hidden),
    }
    for number in range(scale.layers):
        layer = f"model.layers.{number}"
        yield {
            **{f"{layer}.self_attn.{k}_proj.weight": random(hidden, hidden) for k in "qkvo"},
            f"{layer}.mlp.gate_proj.weight": random(intermediate, hidden),
            f"{layer}.mlp.up_proj.weight": random(intermediate, hidden),
            f"{layer}.mlp.down_proj.weight": random(hidden, intermediate),
            f"{layer}.input_layernorm.weight": ones.clone(),
            f"{layer}.post_attention_layernorm.weight": ones.clone(),
        }
