"""What an inference worker measures."""

from prometheus_client import CollectorRegistry, ProcessCollector

from worker.instruments import EngineInstruments, JobInstruments, TokenInstruments


class WorkerMetrics:
    """The instruments of one worker on a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.jobs = JobInstruments(self.registry)
        self.tokens = TokenInstruments(self.registry)
        self.engine = EngineInstruments(self.registry)
