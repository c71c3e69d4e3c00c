"""What an engine is told when it is built."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Quantization(StrEnum):
    """The precision of the weights in memory."""

    INT4 = "int4"
    INT8 = "int8"
    BF16 = "bf16"
    FP16 = "fp16"
    FP32 = "fp32"


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The knobs of an engine; the worker's settings fill them in.

    ``context_size`` is in tokens per slot; ``gpu_memory_fraction`` 0..1 is enforced on
    CUDA; ``n_batch`` is the number of prompt tokens prefilled at once.
    ``echo_tokens_per_second`` 0 is as fast as possible; while ``echo_fail_file`` or
    ``echo_hang_file`` exists, the echo engine fails or hangs.
    """

    slots: int = 3
    quantization: Quantization = Quantization.INT4
    context_size: int = 4096
    n_batch: int = 512
    n_threads: int = 8
    n_gpu_layers: int = 35
    use_mlock: bool = False
    use_mmap: bool = True
    f16_kv: bool = True
    gpu_memory_fraction: float = 0.9
    echo_tokens_per_second: float = 0.0
    echo_fail_file: Path | None = None
    echo_hang_file: Path | None = None
