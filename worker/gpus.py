"""The GPUs that this process sees, as NVML tells of them; none is a machine, too."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Gpu:
    """One device now; None where it does not say."""

    index: str
    used_bytes: int
    total_bytes: int
    utilization: float | None  #: 0..1
    temperature_celsius: float | None
    power_watts: float | None


class Gpus:
    """Reads them; whatever NVML refuses is left out, and never an error."""

    def __init__(self) -> None:
        self._nvml: Any = None
        self._looked = False

    def read(self) -> list[Gpu]:
        """All devices; empty where there is no driver, no library or no GPU."""
        nvml = self._library()
        if nvml is None:
            return []
        try:
            count = nvml.nvmlDeviceGetCount()
        except nvml.NVMLError as error:
            log.warning("the GPUs do not answer", error=str(error))
            return []
        return [gpu for index in range(count) if (gpu := _read(nvml, index)) is not None]

    def _library(self) -> Any:
        """NVML, started at the first call; None if there is none."""
        if self._looked:
            return self._nvml
        self._looked = True
        try:
            import pynvml
        except ImportError:
            return None
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            log.debug("no GPU to measure", why=str(error))
            return None
        self._nvml = pynvml
        return pynvml


def _read(nvml: Any, index: int) -> Gpu | None:
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    except nvml.NVMLError as error:
        log.warning("a GPU does not answer", gpu=index, error=str(error))
        return None

    def said(ask: Callable[[], float]) -> float | None:
        try:
            return ask()
        except nvml.NVMLError:
            return None  # many devices do not tell everything

    return Gpu(
        index=str(index),
        used_bytes=int(memory.used),
        total_bytes=int(memory.total),
        utilization=said(lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100),
        temperature_celsius=said(
            lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)
        ),
        power_watts=said(lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000),
    )
