"""What an engine is told when it is built."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Quantization(StrEnum):
    """The precision of the weights in memory; INT4 is NF4, DQ has quantized scales too.

    INT4_FAST is integers in groups, by torch's own kernels.
    """

    INT4 = "int4"
    INT4_FAST = "int4-fast"
    NF4 = "nf4"
    NF4_DQ = "nf4-dq"
    FP4 = "fp4"
    INT8 = "int8"
    BF16 = "bf16"
    FP16 = "fp16"
    FP32 = "fp32"


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """Where the openai engine asks; ``silence_seconds`` is how long a stream may say nothing."""

    url: str = ""
    api_key: str = field(default="", repr=False)
    model: str = ""  #: empty for the first that it serves
    connect_seconds: float = 5.0
    silence_seconds: float = 60.0
    logprobs: bool = True  #: ask for log-probabilities, which some refuse


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The knobs of an engine; the worker's settings fill them in.

    ``context_size`` is in tokens per slot; ``gpu_memory_fraction`` 0..1 is enforced on
    CUDA; ``cuda_graphs`` records the decode step there; in INT8, activations beyond
    ``int8_threshold`` are computed in FP16 (0: none are, and the step can be recorded);
    ``n_batch`` is the number of prompt tokens prefilled at once; ``scoring`` makes room
    for the logits of every one of them, which the workshop asks for; up to
    ``prompt_lookup_tokens`` are drafted for a step where that pays, 0: none. With a file as
    ``autotune_cache`` llamacpp measures how many threads are best, and remembers it there;
    ``llamacpp_library`` is a libllama.so to use instead of xllamacpp's.
    ``echo_tokens_per_second`` 0 is as fast as possible; while ``echo_fail_file`` or
    ``echo_hang_file`` exists, the echo engine fails or hangs.
    """

    slots: int = 3
    quantization: Quantization = Quantization.INT4
    context_size: int = 4096
    n_batch: int = 512
    n_threads: int = 8
    prompt_lookup_tokens: int = 0
    n_gpu_layers: int = 35
    use_mlock: bool = False
    use_mmap: bool = True
    f16_kv: bool = True
    autotune_cache: Path | None = None
    llamacpp_library: Path | None = None
    gpu_memory_fraction: float = 0.9
    cuda_graphs: bool = True
    int8_threshold: float = 6.0
    scoring: bool = False
    upstream: UpstreamSettings = UpstreamSettings()
    echo_tokens_per_second: float = 0.0
    echo_fail_file: Path | None = None
    echo_hang_file: Path | None = None
