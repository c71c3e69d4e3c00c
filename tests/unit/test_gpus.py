"""What a worker says of GPUs, where there are some and where there are none."""

import importlib.util
import sys
from types import ModuleType

import pytest

from tests.support.stack import ROOT
from worker.gpus import Gpu, Gpus
from worker.instruments.gpu import gpu_memory

GIB = 1024**3


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A library that knows two devices."""
    path = ROOT / "tests" / "support" / "fake_nvml" / "pynvml.py"
    spec = importlib.util.spec_from_file_location("pynvml", path)
    assert spec is not None
    assert spec.loader is not None
    library = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(library)
    monkeypatch.setitem(sys.modules, "pynvml", library)
    return library


def test_each_device_tells_what_it_can(nvml: ModuleType) -> None:
    assert Gpus().read() == [
        Gpu("0", 40 * GIB, 80 * GIB, 0.75, 61, 250.0),
        Gpu("1", 40 * GIB, 80 * GIB, None, None, None),
    ]


def test_without_the_library_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)

    assert Gpus().read() == []


def test_without_a_driver_there_is_no_gpu_and_it_is_asked_for_once(
    nvml: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def refuse() -> None:
        asked.append(1)
        raise nvml.NVMLError("Driver Not Loaded")

    monkeypatch.setattr(nvml, "nvmlInit", refuse)
    gpus = Gpus()

    assert (gpus.read(), gpus.read(), asked) == ([], [], [1])


def test_a_device_that_fell_off_the_bus_leaves_the_others(
    nvml: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = nvml.nvmlDeviceGetMemoryInfo

    def memory(handle: int) -> object:
        if handle == 0:
            raise nvml.NVMLError("GPU is lost")
        return healthy(handle)

    monkeypatch.setattr(nvml, "nvmlDeviceGetMemoryInfo", memory)

    assert [gpu.index for gpu in Gpus().read()] == ["1"]


def test_no_gpu_is_a_reading_too() -> None:
    assert gpu_memory([]) == [("none", "used", 0)]
