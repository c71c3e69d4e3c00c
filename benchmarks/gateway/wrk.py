"""wrk, the load tool: how many requests a second, and how long each took."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCRIPT = """
wrk.method = "POST"
wrk.body = [==[%s]==]
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer %s"
done = function(summary, latency, requests)
  io.write(string.format("%%d %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk saw; latencies in milliseconds, ``refused`` are answers >= 400."""

    per_second: float
    p50_ms: float
    p99_ms: float
    refused: int
    broken: int


class Wrk:
    """Sends one body to ``url`` over and over; the script that tells it how lies in ``directory``."""

    def __init__(self, program: Path, directory: Path, token: str, body: Mapping[str, Any]) -> None:
        self._program = program
        self._script = directory / "load.lua"
        self._script.write_text(_SCRIPT % (json.dumps(body), token))

    def run(self, url: str, seconds: float, connections: int) -> Load:
        """Put load on it for so long. Raises CalledProcessError."""
        command: list[str | Path] = [
            self._program,
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "-s",
            self._script,
        ]
        done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
        requests, took_us, p50, p99, refused, broken = map(int, done.stdout.split()[-6:])
        return Load(requests / took_us * 1e6, p50 / 1e3, p99 / 1e3, refused, broken)
