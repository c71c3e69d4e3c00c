"""How large the model is, and how much is measured."""

import os
from dataclasses import dataclass
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings

#: What the processes of a service need to find the GPU and its libraries.
_OF_THE_GPU = ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")


class GpuBenchSettings(BaseSettings):
    """Read from the environment, as GPU_BENCH_SECONDS and so on."""

    model_config = {"env_prefix": "GPU_BENCH_"}

    seconds: float = Field(540, gt=0, description="no part is begun that would end later")
    explanations: int = Field(90, ge=2, description="of a closed loop")
    rounds: int = Field(5, ge=1, description="repeats of a decode rate; the median counts")
    decode_tokens: int = Field(64, ge=2, description="of a stream in a round")
    control_tokens: int = Field(32, ge=2, description="the same, of eager transformers")
    prompt_tokens: int = Field(150, ge=1)
    answer_tokens: int = Field(87, ge=2)
    concurrency: int = Field(3, ge=1)
    context_size: int = Field(1024, ge=256, description="of a slot")


@dataclass(frozen=True, slots=True)
class Scale:
    """The shapes of a Llama, and the bytes that the bandwidth is measured with."""

    vocabulary: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    copied_bytes: int

    def config(self) -> dict[str, Any]:
        """The keyword arguments of transformers' LlamaConfig; nothing ends an answer."""
        return {
            "vocab_size": self.vocabulary,
            "hidden_size": self.hidden,
            "intermediate_size": self.intermediate,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.heads,
            "max_position_embeddings": 4096,
            "tie_word_embeddings": False,
            "bos_token_id": None,
            "eos_token_id": None,
        }

    def linears(self) -> dict[str, tuple[int, int]]:
        """The products of a decoder layer as the engine makes them: outputs and inputs."""
        return {
            "query, key, value": (3 * self.hidden, self.hidden),
            "attention's output": (self.hidden, self.hidden),
            "gate, up": (2 * self.intermediate, self.hidden),
            "down": (self.hidden, self.intermediate),
        }


LLAMA_2_7B = Scale(32_000, 4096, 11_008, 32, 32, 4 << 30)
TINY = Scale(512, 256, 512, 2, 4, 64 << 20)


def tiny_settings() -> GpuBenchSettings:
    """Enough to run every line."""
    return GpuBenchSettings(
        explanations=6, rounds=2, decode_tokens=16, control_tokens=8, prompt_tokens=40,
        answer_tokens=12, context_size=256,
    )  # fmt: skip


def gpu_environment() -> dict[str, str]:
    """The variables that a child needs besides those that every child inherits."""
    return {name: os.environ[name] for name in _OF_THE_GPU if name in os.environ}
