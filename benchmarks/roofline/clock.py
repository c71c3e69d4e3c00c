"""How long something takes on its device, by the device's own clock where it has one."""

import time
from collections.abc import Callable
from statistics import median

import torch


def seconds(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Median of ``repeats`` runs after a warm-up."""
    work()
    run = _on_cuda if device.type == "cuda" else _on_cpu
    return median(run(work) for _ in range(repeats))


def launched_at_once(work: Callable[[], object], device: torch.device) -> Callable[[], object]:
    """The same work as one CUDA graph: many small kernels without the gaps between launches."""
    if device.type != "cuda":
        return work
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        work()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    replay: Callable[[], object] = graph.replay
    return replay


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
