"""The profile that watches: what it publishes, what it is given, and what its files name."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.manifests.conftest import ROOT
from tests.manifests.test_compose import project, services
from tests.support.tools import tool

COMPOSE = ROOT / "compose"
WATCHERS = ("prometheus", "alertmanager", "grafana", "loki", "vector")

__all__ = ["project"]


@pytest.fixture(scope="module")
def found(project: Path) -> dict[str, Any]:
    return services(project, "cpu", "observability")


def read(path: str) -> Any:
    return yaml.safe_load((COMPOSE / path).read_text())


def test_nobody_watches_unless_asked(project: Path) -> None:
    assert not set(WATCHERS) & set(services(project, "cpu"))


def test_only_grafana_is_published_and_only_to_this_machine(found: dict[str, Any]) -> None:
    published = {
        name: [(port["host_ip"], port["target"]) for port in found[name].get("ports", [])]
        for name in WATCHERS
    }

    assert published.pop("grafana") == [("127.0.0.1", 3000)]
    assert not any(published.values())


@pytest.mark.parametrize("name", WATCHERS)
def test_a_watcher_is_locked_down_and_has_one_version(found: dict[str, Any], name: str) -> None:
    service = found[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "outside" not in service["networks"]
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+(-alpine)?", service["image"])


def test_grafana_has_a_password_of_its_own_that_nobody_else_gets(found: dict[str, Any]) -> None:
    password = found["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD"]

    assert len(password) >= 32
    for name, service in found.items():
        if name != "grafana":
            assert password not in (service.get("environment") or {}).values(), name


def test_prometheus_scrapes_every_process_of_ours_and_nothing_else(found: dict[str, Any]) -> None:
    targets = {
        job["job_name"]: [
            *(
                f"{name}:{dns['port']}"
                for dns in job.get("dns_sd_configs", ())
                for name in dns["names"]
            ),
            *(address for static in job.get("static_configs", ()) for address in static["targets"]),
        ]
        for job in read("prometheus/prometheus.yml")["scrape_configs"]
    }
    processes = {"gateway", "inference", "webhooks", "maintenance", "flower"}

    assert set(targets) == {*processes, "prometheus"}
    assert processes <= set(found)
    for name in processes:
        environment = found[name]["environment"]
        port = {"gateway": "API_PORT", "flower": "FLOWER_PORT"}.get(name, "METRICS_PORT")
        assert f"{name}:{environment[port]}" in targets[name]


def test_numbers_of_the_service_come_from_maintenance_alone() -> None:
    scopes = {
        job["job_name"]: job.get("params")
        for job in read("prometheus/prometheus.yml")["scrape_configs"]
    }

    assert scopes["maintenance"] is None
    for name in ("gateway", "inference", "webhooks"):
        assert scopes[name] == {"scope": ["process"]}


def test_the_passwords_of_prometheus_are_files_in_memory(tmp_path: Path) -> None:
    # Given its start script, with a Prometheus that shows what it was given
    program = tmp_path / "prometheus"
    program.write_text("#!/bin/sh\ncat /tmp/metrics-token /tmp/flower-password; env; echo $*\n")
    program.chmod(0o755)
    script = (COMPOSE / "prometheus" / "start.sh").read_text()
    (tmp_path / "start.sh").write_text(script.replace("/bin/prometheus", "/mnt/prometheus"))
    # When it is started where /tmp is memory
    command = [
        *(tool("bwrap"), "--dev-bind", "/", "/", "--bind", tmp_path, "/mnt", "--tmpfs", "/tmp"),
        *("sh", "/mnt/start.sh", "--a-flag"),
    ]
    environment = {"PATH": "/usr/bin:/bin", "METRICS_TOKEN": "one", "FLOWER_PASSWORD": "two"}
    result = subprocess.run(
        list(map(str, command)), env=environment, capture_output=True, text=True, check=False
    )
    # Then it finds both there, and neither in its environment
    assert result.stdout.startswith("onetwo"), result.stderr
    assert "--a-flag" in result.stdout
    assert "METRICS_TOKEN" not in result.stdout
    named = read("prometheus/prometheus.yml")["scrape_configs"]
    files = re.findall(r"/tmp/[\w-]+", json.dumps(named))
    assert set(files) == {"/tmp/metrics-token", "/tmp/flower-password"}


def test_what_grafana_is_provisioned_with_is_there(found: dict[str, Any]) -> None:
    mounts = {volume["target"] for volume in found["grafana"]["volumes"]}
    (provider,) = read("grafana/provisioning/dashboards/caravan.yml")["providers"]
    sources = read("grafana/provisioning/datasources/caravan.yml")["datasources"]
    home = found["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]

    assert provider["options"]["path"] in mounts
    assert (COMPOSE / "grafana" / "dashboards" / Path(home).name).exists()
    for source in sources:
        host = re.fullmatch(r"http://([a-z]+):\d+", source["url"])
        assert host
        assert host[1] in found


def test_logs_are_shipped_with_few_labels_and_never_hold_anybody_up() -> None:
    vector = read("vector/vector.yaml")
    sink = vector["sinks"]["loki"]

    assert set(sink["labels"]) == {"service", "level"}
    assert sink["buffer"]["when_full"] == "drop_newest"
    assert sink["endpoint"] == "http://loki:3100"
    assert sink["inputs"] == ["lines"]
    assert vector["transforms"]["lines"]["inputs"] == ["containers"]
