"""What an inference worker measures, and where it is read."""

from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

from worker.instruments import EngineInstruments, JobInstruments, TokenInstruments


class WorkerMetrics:
    """The instruments of one worker on a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.jobs = JobInstruments(self.registry)
        self.tokens = TokenInstruments(self.registry)
        self.engine = EngineInstruments(self.registry)

    def serve(self, host: str, first_port: int) -> tuple[WSGIServer, int]:
        """Serve /metrics on the first free port from ``first_port`` on."""
        for port in range(first_port, first_port + 100):
            try:
                server, _ = start_http_server(port, host, self.registry)
            except OSError:
                continue
            return server, port
        raise OSError(f"METRICS_PORT: no free port from {first_port} to {first_port + 99}")
