"""What a worker answers on its metrics port: /metrics, /livez and /readyz.

A worker is alive while its own loops turn, and while it hears (worker/deafness.py); an
outage of Redis makes it unready, and never dead.
"""

import json
import time
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from threading import Thread
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import structlog

from worker.metrics import Page
from worker.settings import WorkerSettings

log = structlog.get_logger()

#: Why not, in a few words; '' where all is well.
Probe = Callable[[], str]


class Heartbeat:
    """When a loop last turned, and when it last reached Redis."""

    def __init__(self, limit_seconds: float = 30.0) -> None:
        self._limit = limit_seconds
        self._turned = self._reached = time.monotonic()

    def turned(self) -> None:
        """The loop came round."""
        self._turned = time.monotonic()

    def reached(self) -> None:
        """It came round, and Redis answered."""
        self._turned = self._reached = time.monotonic()

    def why_dead(self) -> str:
        """Whether the loop stands still."""
        return self._why(self._turned, "the loop has not turned")

    def why_unready(self) -> str:
        """Whether Redis is away."""
        return self._why(self._reached, "Redis has not answered")

    def _why(self, moment: float, what: str) -> str:
        seconds = time.monotonic() - moment
        return f"{what} for {seconds:.0f} s" if seconds > self._limit else ""


class HealthServer:
    """Listens on the first free port from ``first_port`` on; answers once started.

    Without a page there are no metrics. Raises OSError.
    """

    def __init__(self, page: Page | None, host: str, first_port: int) -> None:
        self._page = page
        self._probes: dict[str, Probe] = {}
        for port in range(first_port, first_port + 100):
            try:
                self._server = make_server(host, port, self._answer, _Server, _Silent)
            except OSError:
                continue
            self.port = port
            return
        raise OSError(f"METRICS_PORT: no free port from {first_port} to {first_port + 99}")

    def start(self, alive: Probe, ready: Probe) -> None:
        """Answer until the process ends."""
        self._probes = {"/livez": alive, "/readyz": ready}
        Thread(target=self._server.serve_forever, name="http", daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        if self._probes:
            self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = request["PATH_INFO"]
        if path == "/metrics" and self._page:
            scope = parse_qs(request.get("QUERY_STRING", "")).get("scope", [""])[0]
            page, content_type = self._page(scope, request.get("HTTP_ACCEPT", ""))
            start("200 OK", [("Content-Type", content_type)])
            return [page]
        if path not in self._probes:
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"Not found: /metrics, /livez, /readyz\n"]
        why = self._probes[path]()
        status = "503 Service Unavailable" if why else "200 OK"
        start(status, [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
        body = {"status": "unavailable", "detail": why} if why else {"status": "ok"}
        return [json.dumps(body).encode()]


def health_server(settings: WorkerSettings, page: Page) -> HealthServer:
    """The server where the settings want it. Raises OSError."""
    shown = page if settings.prometheus_enabled else None
    server = HealthServer(shown, settings.metrics_host, settings.metrics_port)
    log.info("listening", address=f"http://{settings.metrics_host}:{server.port}/metrics")
    return server


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Probes come every few seconds: nobody wants to read of them."""
