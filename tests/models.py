"""The models that tests run on: the default one, fetched once, and a tiny one made here."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from quantization.fetch import fetch

_STATE_DIR = Path(__file__).parents[1] / "var"

CONTROL_TOKENS = ["<|im_start|>", "<|im_end|>"]

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@cache
def default_gguf() -> Path:
    """SmolLM2-135M-Instruct.Q4_1.gguf; downloads it where it is missing."""
    return fetch(None, _STATE_DIR, print)[0].path


@cache
def default_safetensors() -> Path:
    """The same weights as a directory of safetensors; needs torch and transformers."""
    return fetch(None, _STATE_DIR, print)[1].path


def write_tiny_gguf(path: Path, pre_tokenizer: str = "smollm") -> Path:
    """A GGUF file with one small tensor; its tokens are two control ones, bytes, and "ab"."""
    import numpy as np
    from gguf import GGUFWriter, LlamaFileType, TokenType
    from tokenizers.pre_tokenizers import ByteLevel

    alphabet = sorted(ByteLevel.alphabet())
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_file_type(LlamaFileType.MOSTLY_Q4_1)
    writer.add_license("apache-2.0")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre_tokenizer)
    writer.add_token_list([*CONTROL_TOKENS, *alphabet, "ab"])
    writer.add_token_types([TokenType.CONTROL] * 2 + [TokenType.NORMAL] * (len(alphabet) + 1))
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_chat_template(CHATML)
    writer.add_tensor("token_embd.weight", np.zeros((4, 8), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_tiny_checkpoint(directory: Path) -> Path:
    """A directory of safetensors with one small tensor, as older hub models are laid out."""
    directory.mkdir(parents=True)
    header = json.dumps({"w": {"dtype": "F16", "shape": [4, 8], "data_offsets": [0, 64]}}).encode()
    weights = len(header).to_bytes(8, "little") + header + bytes(64)
    (directory / "model.safetensors").write_bytes(weights)
    (directory / "tokenizer.json").write_text("{}")
    for name, content in {
        "config.json": {"max_position_embeddings": 4096, "eos_token_id": 2},
        "generation_config.json": {"eos_token_id": [2, 7]},
        "tokenizer_config.json": {"bos_token": {"content": "<s>"}, "chat_template": CHATML},
    }.items():
        (directory / name).write_text(json.dumps(content))
    return directory


def write_tiny_llama(directory: Path, **config: Any) -> Path:
    """A Llama of two layers with random weights and a tokenizer of bytes, as hub models lie."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from quantization.label import label_gguf

    scratch = write_tiny_gguf(directory.with_name(f"{directory.name}-vocabulary") / "tiny.gguf")
    label_gguf(scratch, {"made": "here"})
    settings = LlamaConfig(
        **{
            "vocab_size": 288,
            "hidden_size": 256,
            "intermediate_size": 512,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 512,
            "bos_token_id": 0,
            "eos_token_id": 1,
            "tie_word_embeddings": False,
        }
        | config
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(settings)
    with torch.no_grad():  # sharper than a fresh model, whose guesses are all alike
        model.lm_head.weight.mul_(20)
    model.half().save_pretrained(directory)
    for name in ("tokenizer.json", "chat_template.jinja"):
        (directory / name).write_bytes((scratch.parent / name).read_bytes())
    names = {"bos_token": CONTROL_TOKENS[0], "eos_token": CONTROL_TOKENS[1]}
    (directory / "tokenizer_config.json").write_text(json.dumps(names))
    return directory
