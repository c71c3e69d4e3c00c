"""Memory and load of the GPUs, read at the scrape."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from worker.gpus import Gpu, Gpus


class GpuCollector(Collector):
    """What NVML says of each device. ``gpus`` is asked at every scrape."""

    def __init__(self, gpus: Gpus) -> None:
        self._gpus = gpus

    def collect(self) -> Iterator[Metric]:
        """The families of docs/metrics.md; without a GPU its memory in use is 0."""
        found = self._gpus.read()
        yield GaugeMetricFamily("llama_gpus", "GPUs that NVML shows here.", value=len(found))
        memory = GaugeMetricFamily(
            "llama_gpu_memory_usage_bytes", "Memory of each GPU.", labels=["gpu", "kind"]
        )
        for gpu, kind, amount in gpu_memory(found):
            memory.add_metric([gpu, kind], amount)
        yield memory
        for name, text, field in (
            ("utilization_ratio", "How busy each GPU is, 0 to 1.", "utilization"),
            ("temperature_celsius", "Temperature of each GPU.", "temperature_celsius"),
            ("power_watts", "Power that each GPU draws.", "power_watts"),
        ):
            family = GaugeMetricFamily(f"llama_gpu_{name}", text, labels=["gpu"])
            for one in found:
                value = getattr(one, field)
                if value is not None:
                    family.add_metric([one.index], value)
            yield family


def gpu_memory(found: list[Gpu]) -> list[tuple[str, str, int]]:
    """GPU, kind and bytes, as the metric and the worker's beat tell them."""
    if not found:
        return [("none", "used", 0)]
    return [
        row
        for gpu in found
        for row in ((gpu.index, "used", gpu.used_bytes), (gpu.index, "total", gpu.total_bytes))
    ]
