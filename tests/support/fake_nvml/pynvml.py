# ruff: noqa: N802 - the names are the library's
"""Stands in for nvidia-ml-py where its folder comes first on PYTHONPATH: one GPU, half full.

The second device is one of those that tell nothing but their memory.
"""

from types import SimpleNamespace

NVML_TEMPERATURE_GPU = 0
GIB = 1024**3


class NVMLError(Exception):
    """As the library's."""


def nvmlInit() -> None:
    """Succeeds."""


def nvmlDeviceGetCount() -> int:
    return 2


def nvmlDeviceGetHandleByIndex(index: int) -> int:
    return index


def nvmlDeviceGetMemoryInfo(_: int) -> SimpleNamespace:
    return SimpleNamespace(total=80 * GIB, used=40 * GIB, free=40 * GIB)


def nvmlDeviceGetUtilizationRates(handle: int) -> SimpleNamespace:
    if handle:
        raise NVMLError("Not Supported")
    return SimpleNamespace(gpu=75, memory=30)


def nvmlDeviceGetTemperature(handle: int, _: int) -> int:
    if handle:
        raise NVMLError("Not Supported")
    return 61


def nvmlDeviceGetPowerUsage(handle: int) -> int:
    if handle:
        raise NVMLError("Not Supported")
    return 250_000
