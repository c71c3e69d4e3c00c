"""A real Prometheus with the configuration that ships, on the processes of one test."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml

from cli.ports import any_free
from tests.support.alertmanager import Alertmanager
from tests.support.processes import Process
from tests.support.tools import tool
from tests.support.waiting import wait_until

SHIPPED = Path(__file__).parents[2] / "compose" / "prometheus"


class Prometheus:
    """Scrapes every second; ``targets`` are host:port by the job that they belong to.

    The shipped configuration is changed in nothing but addresses, passwords and intervals.
    """

    def __init__(
        self,
        directory: Path,
        targets: Mapping[str, str],
        flower_password: str,
        alertmanager: Alertmanager,
    ) -> None:
        self.alertmanager = alertmanager
        self.port = any_free()
        self.url = f"http://127.0.0.1:{self.port}"
        self._directory = directory
        self._write(targets, flower_password)
        self._client = httpx.Client(base_url=self.url, trust_env=False)
        self._process: Process | None = None

    def start(self) -> None:
        """Start it, and wait until every target was scraped."""
        command = [
            str(tool("prometheus")),
            f"--config.file={self._directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--enable-feature=exemplar-storage",
        ]
        self._process = Process("prometheus", command, self._directory / "prometheus.log")
        wait_until(self._all_up, what="a scrape of every target")

    def stop(self) -> None:
        self._client.close()
        if self._process is not None:
            self._process.stop()

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series of an expression at this moment; AssertionError if it is none."""
        answer = self._client.post("/api/v1/query", data={"query": expr}).json()
        assert answer["status"] == "success", (expr, answer)
        result = answer["data"]["result"]
        return result if isinstance(result, list) else [result]

    def value(self, expr: str) -> float:
        """The value of an expression of one series; 0 if there is none."""
        found = self.query(expr)
        return float(found[0]["value"][1]) if found else 0.0

    def rules(self) -> list[dict[str, Any]]:
        """Every rule as it was last evaluated."""
        groups = self._client.get("/api/v1/rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def targets(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._client.get("/api/v1/targets").json()["data"][
            "activeTargets"
        ]
        return found

    def _all_up(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, self._process.output()
        try:
            if not self._client.get("/-/ready").is_success:
                return False
        except httpx.TransportError:
            return False
        targets = self.targets()
        return bool(targets) and all(target["health"] == "up" for target in targets)

    def _write(self, targets: Mapping[str, str], flower_password: str) -> None:
        config = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["alerting"] = {"alertmanagers": [_at(self.alertmanager.address)]}
        (self._directory / "password").write_text(flower_password)
        jobs = {job["job_name"]: job for job in config["scrape_configs"]}
        jobs["gateway"].pop("authorization")  # in development the page is open
        jobs["flower"]["basic_auth"]["password_file"] = str(self._directory / "password")
        for name, address in {**targets, "prometheus": f"127.0.0.1:{self.port}"}.items():
            jobs[name].pop("dns_sd_configs", None)
            jobs[name] |= _at(address)
        (self._directory / "prometheus.yml").write_text(yaml.safe_dump(config))
        shutil.copytree(SHIPPED / "rules", self._directory / "rules")
        slo = self._directory / "rules" / "slo.yml"
        slo.write_text(slo.read_text().replace("interval: 30s", "interval: 1s"))


def _at(address: str) -> dict[str, Any]:
    return {"static_configs": [{"targets": [address]}]}
