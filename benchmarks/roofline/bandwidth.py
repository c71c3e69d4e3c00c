"""What the memory of the device delivers, measured: the roof of everything that decodes."""

from functools import partial
from typing import Any

import torch

from benchmarks.roofline.clock import seconds


def copy_bandwidth(device: torch.device, size: int) -> float:
    """Bytes a second, read and written, of the copy of ``size`` bytes of noise.

    The best of several sizes up to it: the largest does not have to be the fastest.
    """
    best = 0.0
    for part in (size, size // 2, size // 4):
        source = torch.randint(256, (part // 2,), dtype=torch.uint8, device=device)
        target = torch.empty_like(source)
        took = seconds(partial(target.copy_, source), device, repeats=15)
        best = max(best, 2 * source.nbytes / took)
    return best


def describe(device: torch.device) -> dict[str, Any]:
    """Which GPU it is, and for which CUDA torch was built."""
    if device.type != "cuda":
        return {"name": device.type}
    found = torch.cuda.get_device_properties(device)
    return {
        "name": found.name,
        "memory_bytes": found.total_memory,
        "capability": f"{found.major}.{found.minor}",
        "multiprocessors": found.multi_processor_count,
        "cuda": torch.version.cuda,
    }
