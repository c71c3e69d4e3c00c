"""The most memory that this process has had."""

import resource
import sys
from pathlib import Path

from quantization.measure.gpu import Gpu


def peak_bytes(gpu: Gpu | None) -> int:
    """On a GPU: of its memory; else: resident memory, mapped files and libraries included."""
    if gpu is not None:
        return gpu.peak_bytes()
    return _peak_resident_bytes()


def _peak_resident_bytes() -> int:
    """VmHWM where there is one: ``ru_maxrss`` would begin with the parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
