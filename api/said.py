"""What workers said with their last beat, so that their metrics can be read at the gateway."""

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.cluster import Worker


class SaidByWorkers(Collector):
    """Names of the inference worker, with a label ``worker``."""

    def __init__(self, workers: Iterable[Worker]) -> None:
        self._workers = list(workers)

    def collect(self) -> Iterator[Metric]:
        """The families of docs/metrics.md, "What workers said"."""
        tokens = CounterMetricFamily(
            "llama_tokens_generated", "Tokens generated.", labels=["worker"]
        )
        speed = GaugeMetricFamily(
            "llama_tokens_per_second", "Over all slots, in the last 10 s.", labels=["worker"]
        )
        latest = GaugeMetricFamily(
            "llama_generation_tokens_per_second", "Of its latest generation.", labels=["worker"]
        )
        memory = GaugeMetricFamily(
            "llama_model_memory_usage_bytes",
            "Memory of its model.",
            labels=["worker", "model", "precision"],
        )
        gpus = GaugeMetricFamily(
            "llama_gpu_memory_usage_bytes", "Of each GPU.", labels=["worker", "gpu", "kind"]
        )
        for worker in self._workers:
            tokens.add_metric([worker.id], worker.tokens_generated)
            speed.add_metric([worker.id], worker.tokens_per_second)
            info = worker.info
            latest.add_metric([worker.id], float(info.get("tokens_per_second") or 0))
            if info:
                model = [str(info.get("model_name")), str(info.get("quantization"))]
                memory.add_metric([worker.id, *model], info.get("memory_bytes") or 0)
            for gpu, kind, amount in worker.gpu_memory:
                gpus.add_metric([worker.id, gpu, kind], amount)
        yield from (tokens, speed, latest, memory, gpus)
