"""How long something takes on its device, by the device's own clock where it has one."""

import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor

from worker.engines.transformers.graphs import CudaRecorder

#: Makes the work that is timed of the work that is asked for.
Launch = Callable[[Callable[[], Tensor]], Callable[[], object]]


def seconds(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Median of ``repeats`` runs after a warm-up."""
    work()
    run = _on_cuda if device.type == "cuda" else _on_cpu
    return median(run(work) for _ in range(repeats))


def launcher(device: torch.device) -> Launch:
    """Makes of some work one CUDA graph: many small kernels without the gaps between launches."""
    if device.type != "cuda":
        return lambda work: work
    record = CudaRecorder()
    return lambda work: record(work)[0]


def _on_cuda(work: Callable[[], object]) -> float:
    began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    began.record()
    work()
    ended.record()
    ended.synchronize()
    milliseconds: float = began.elapsed_time(ended)
    return milliseconds / 1e3


def _on_cpu(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
