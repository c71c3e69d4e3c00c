"""What NVIDIA's management library and torch say of the GPU. Not run so far: see the docs."""

import os
from typing import Any


class Gpu:
    """The first GPU that this process may use."""

    def __init__(self) -> None:
        import pynvml

        pynvml.nvmlInit()
        self._nvml = pynvml
        self._handle = pynvml.nvmlDeviceGetHandleByIndex(0)

    @property
    def name(self) -> str:
        """As the driver names it."""
        return str(self._nvml.nvmlDeviceGetName(self._handle))

    def joules(self) -> float | None:
        """Energy used since the driver was loaded; None where the GPU does not count it."""
        try:
            return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)) / 1000
        except self._nvml.NVMLError:
            return None

    def peak_bytes(self) -> int:
        """The larger of torch's peak and what the driver counts for this process now."""
        return max(_torch_peak_bytes(), self._process_bytes())

    def _process_bytes(self) -> int:
        processes = self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)
        return sum(p.usedGpuMemory or 0 for p in processes if p.pid == os.getpid())


def find_gpu(device: str) -> Gpu | None:
    """The GPU that an engine on ``device`` uses, or None on a CPU."""
    if device == "cpu":
        return None
    return Gpu()


def _torch_peak_bytes() -> int:
    import sys

    torch: Any = sys.modules.get("torch")
    return int(torch.cuda.max_memory_allocated()) if torch else 0
