"""The Compose file, as Compose itself reads it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from api.settings import ApiSettings
from cli.settings import LauncherSettings
from tests.manifests.conftest import ROOT
from worker.settings import WorkerSettings

COMPOSE = Path(sys.executable).with_name("docker-compose")
SECRETS = ("REDIS_PASSWORD", "JWT_SECRET", "WEBHOOK_KEY", "ADMIN_PASSWORD", "FLOWER_PASSWORD")
INTERNET = {"webhooks", "model"}


def run(*profiles: str, **environment: str) -> subprocess.CompletedProcess[str]:
    options = [part for profile in profiles for part in ("--profile", profile)]
    return subprocess.run(
        [COMPOSE, "-f", "compose/compose.yaml", *options, "config", "--format", "json"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": "/tmp", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def services(*profiles: str) -> dict[str, Any]:
    result = run(*profiles, **dict.fromkeys(SECRETS, "x"))
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)["services"]
    return found


@pytest.mark.parametrize("secret", SECRETS)
def test_a_missing_secret_is_named(secret: str) -> None:
    given = {name: "x" for name in SECRETS if name != secret}

    result = run("cpu", **given)

    assert result.returncode != 0
    assert f"set {secret} in compose/.env" in result.stderr


def test_one_profile_has_the_worker_on_cpus_and_another_on_a_gpu() -> None:
    assert "inference" in services("cpu")
    assert "inference-gpu" not in services("cpu")
    gpu = services("gpu")["inference-gpu"]
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])


def test_only_this_machine_reaches_what_is_published() -> None:
    published = {
        name: [(port["host_ip"], port["target"]) for port in service["ports"]]
        for name, service in services("cpu").items()
        if service.get("ports")
    }

    assert published == {
        "gateway": [("127.0.0.1", 8000)],
        "inference": [("127.0.0.1", 9090)],
        "flower": [("127.0.0.1", 5555)],
    }


def test_every_service_is_locked_down() -> None:
    for name, service in services("cpu", "gpu").items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_only_webhooks_and_the_fetch_of_the_model_reach_the_internet() -> None:
    outside = {name for name, it in services("cpu", "gpu").items() if "outside" in it["networks"]}

    assert outside == INTERNET


def test_every_variable_is_a_setting() -> None:
    known = {
        name.upper()
        for settings in (ApiSettings, WorkerSettings, LauncherSettings)
        for name in settings.model_fields
    }
    for name, service in services("cpu", "gpu").items():
        if name != "redis":
            assert set(service["environment"]) <= known, name
