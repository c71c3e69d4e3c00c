"""The Compose file, as Compose itself reads it, with the .env that compose/secrets.sh writes."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.settings import ApiSettings
from cli.settings import LauncherSettings
from common.secret_files import secret_names
from tests.manifests.conftest import ROOT
from worker.settings import WorkerSettings

COMPOSE = Path(sys.executable).with_name("docker-compose")
INTERNET = {"webhooks", "model"}
OURS = ("gateway", "model", "inference", "inference-gpu", "webhooks", "maintenance", "flower")
#: Which secrets reach which process.
SECRETS = {
    "gateway": {"REDIS_PASSWORD", "JWT_SECRET", "WEBHOOK_KEY", "ADMIN_PASSWORD", "METRICS_TOKEN"},
    "model": set(),
    "inference": {"REDIS_PASSWORD"},
    "inference-gpu": {"REDIS_PASSWORD"},
    "webhooks": {"REDIS_PASSWORD", "WEBHOOK_KEY"},
    "maintenance": {"REDIS_PASSWORD"},
    "flower": {"REDIS_PASSWORD", "FLOWER_PASSWORD"},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of compose/ with fresh secrets."""
    folder = tmp_path_factory.mktemp("project") / "compose"
    shutil.copytree(ROOT / "compose", folder, ignore=shutil.ignore_patterns(".env"))
    subprocess.run(["sh", folder / "secrets.sh"], check=True, capture_output=True)
    return folder


def run(folder: Path, *profiles: str, **environment: str) -> subprocess.CompletedProcess[str]:
    options = [part for profile in profiles for part in ("--profile", profile)]
    return subprocess.run(
        [COMPOSE, "-f", "compose.yaml", *options, "config", "--format", "json"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": "/tmp", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def services(folder: Path, *profiles: str, **environment: str) -> dict[str, Any]:
    result = run(folder, *profiles, **environment)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    found: dict[str, Any] = json.loads(result.stdout)["services"]
    return found


def required() -> list[str]:
    text = (ROOT / "compose" / "compose.yaml").read_text()
    return sorted(set(re.findall(r"\$\{(\w+):\?", text)))


def values(folder: Path) -> dict[str, str]:
    lines = (folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and line[0] != "#")


@pytest.mark.parametrize("secret", required())
def test_a_missing_secret_is_named(secret: str, tmp_path: Path, project: Path) -> None:
    shutil.copy(project / "compose.yaml", tmp_path)
    given = {name: value for name, value in values(project).items() if name != secret}

    result = run(tmp_path, "cpu", "observability", **given)

    assert result.returncode != 0
    assert secret in result.stderr
    assert "compose/.env" in result.stderr


def test_the_script_writes_a_file_of_its_owner_alone_and_never_over_another(project: Path) -> None:
    before = (project / ".env").read_text()

    subprocess.run(["sh", project / "secrets.sh"], check=True, capture_output=True)

    assert (project / ".env").read_text() == before
    assert (project / ".env").stat().st_mode & 0o777 == 0o600
    secrets = [value for name, value in values(project).items() if name in required()]
    assert len(set(secrets)) == len(secrets) == len(required())
    assert all(re.fullmatch(r"[0-9a-f]{64}", secret) for secret in secrets)


def test_the_worker_on_cpus_comes_by_itself_and_a_profile_brings_the_one_on_a_gpu(
    project: Path,
) -> None:
    default = services(project)
    assert "inference" in default
    assert "inference-gpu" not in default

    gpu = services(project, "gpu")
    assert "inference" not in gpu
    (device,) = gpu["inference-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])


def test_only_this_machine_reaches_what_is_published(project: Path) -> None:
    published = {
        name: [(port["host_ip"], port["target"]) for port in service["ports"]]
        for name, service in services(project, "cpu", "observability").items()
        if service.get("ports")
    }

    assert {name: published.get(name) for name in ("gateway", "inference", "flower")} == {
        "gateway": [("127.0.0.1", 8000)],
        "inference": [("127.0.0.1", 9090)],
        "flower": [("127.0.0.1", 5555)],
    }
    assert set(published) <= {"gateway", "inference", "flower", "grafana"}
    assert {host for ports in published.values() for host, _ in ports} == {"127.0.0.1"}


def test_another_port_is_published_and_the_process_keeps_its_own(project: Path) -> None:
    gateway = services(project, API_PORT="18000")["gateway"]

    assert gateway["ports"][0]["published"] == "18000"
    assert gateway["environment"]["API_PORT"] == "8000"


def test_every_service_is_locked_down(project: Path) -> None:
    for name, service in services(project, "cpu", "gpu", "observability").items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name


def test_only_webhooks_and_the_fetch_of_the_model_reach_the_internet(project: Path) -> None:
    found = services(project, "cpu", "gpu", "observability")

    assert {name for name, it in found.items() if "outside" in it["networks"]} == INTERNET


def test_every_variable_is_a_setting(project: Path) -> None:
    known = {
        name.upper()
        for settings in (ApiSettings, WorkerSettings, LauncherSettings)
        for name in settings.model_fields
    }
    compose = yaml.safe_load((project / "compose.yaml").read_text())
    foreign = {*compose["x-no-secrets"], "COMPOSE_PROFILES"}
    found = services(project, "cpu", "gpu")
    for name in OURS:
        assert set(found[name]["environment"]) <= known | foreign, name


@pytest.mark.parametrize("name", OURS)
def test_a_process_gets_its_own_secrets_and_no_other(name: str, project: Path) -> None:
    secret = {*required(), *_secret_settings()}
    environment = services(project, "cpu", "gpu")[name]["environment"]

    assert {it for it in secret if environment.get(it)} == SECRETS[name]


def _secret_settings() -> set[str]:
    models = (ApiSettings, WorkerSettings, LauncherSettings)
    return {it.upper() for model in models for it in secret_names(model)} - {"REDIS_URL"}


@pytest.mark.parametrize("name", OURS)
def test_every_process_reads_what_it_is_given(
    name: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given the example with every setting taken out of its comment
    text = (project / ".env").read_text()
    (project / ".env").write_text(re.sub(r"(?m)^# ([A-Z0-9_]+=)", r"\1", text))
    environment = services(project, "cpu", "gpu")[name]["environment"]
    (project / ".env").write_text(text)

    # When the process reads it
    for variable, value in environment.items():
        monkeypatch.setenv(variable, str(value or ""))
    model = {"gateway": ApiSettings, "flower": LauncherSettings}.get(name, WorkerSettings)
    settings = model()

    # Then it knows its user in the store
    assert settings.app_env == "production"
    user = name.removesuffix("-gpu")
    assert name == "model" or settings.redis_url.startswith(f"redis://{user}:")
