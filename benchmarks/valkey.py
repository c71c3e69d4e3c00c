"""A real Valkey server that may be killed, paused and restarted."""

import signal
from pathlib import Path

import redis

from benchmarks.processes import Process
from benchmarks.waiting import wait_until
from cli.ports import any_free
from cli.valkey import find_server, server_command


class ValkeyServer:
    """Runs the product's own configuration (AOF on) on a port that survives a restart.

    ``options`` are of the command line and win: "--appendfsync", "always".
    """

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self.options = options
        self.port = any_free()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: Process | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = server_command(find_server(), self.port, self.directory)
        log = self.directory / "valkey.log"
        self._process = Process("valkey", [*command, *self.options], log)
        wait_until(self._answers, what="Valkey's answer to PING")

    @property
    def pid(self) -> int:
        return self._running.pid

    def kill(self) -> None:
        """SIGKILL: nothing is written any more."""
        self._running.kill()

    def stop(self) -> None:
        """SIGTERM: it syncs its file and exits."""
        self._running.stop()

    def pause(self) -> None:
        """It keeps its connections and answers nobody."""
        self._running.send(signal.SIGSTOP)

    def resume(self) -> None:
        self._running.send(signal.SIGCONT)

    @property
    def _running(self) -> Process:
        if self._process is None:
            raise RuntimeError("start it first")
        return self._process

    def _answers(self) -> bool:
        with redis.Redis.from_url(self.url, socket_timeout=1) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False
