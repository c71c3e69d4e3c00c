"""Every process serves as in its container: uid 10001, a read-only root, no capability."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli.ports import any_free
from tests.models import default_gguf
from tests.support.jail import UID, jailed, status_of
from tests.support.processes import Process
from tests.support.stack import Stack, finished
from tests.support.waiting import wait_until

PASSWORD = "not the documented one"
PRODUCTION = {
    "APP_ENV": "production",
    "ADMIN_PASSWORD": PASSWORD,
    "JWT_SECRET": "j" * 32,
    "WEBHOOK_KEY": "w" * 32,
    "METRICS_TOKEN": "m" * 32,
}


class JailedStack(Stack):
    """Like a stack of containers: each process locked in, and its own user in the store."""

    each_its_user = True

    def __init__(self, directory: Path, **settings: str) -> None:
        self.state = directory / "state"
        self.state.mkdir()
        super().__init__(directory, **PRODUCTION, STATE_DIR=str(self.state), **settings)

    def _start(self, name: str, *module_and_role: str, **settings: str) -> Process:
        command = jailed(self.state, sys.executable, "-m", *module_and_role)
        if self.users:
            settings["REDIS_URL"] = self.users.url(module_and_role[-1], self.valkey)
        log = self.directory / f"{name}.log"
        process = Process(name, command, log, {**self.env, **settings})
        self.processes[name] = process
        return process


@pytest.fixture(params=["echo", pytest.param("llamacpp", marks=pytest.mark.model)])
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JailedStack]:
    model = {"MODEL": str(default_gguf()), "N_CTX": "512"} if request.param == "llamacpp" else {}
    stack = JailedStack(tmp_path, ENGINE=request.param, **model)
    try:
        stack.start()
        stack.start_webhooks(METRICS_PORT=str(any_free()))
        yield stack
    finally:
        stack.stop()


def test_a_job_and_an_upload_need_no_other_place_to_write(stack: JailedStack) -> None:
    with stack.login(password=PASSWORD) as client:
        # When a job is submitted, and a file is uploaded
        job = client.post("/generate", json={"prompt": "Markets rose", "max_tokens": 8}).json()
        upload = client.post(
            "/v1/files", files={"file": ("lines.jsonl", b"{}\n")}, data={"purpose": "batch"}
        )

        # Then both are served
        assert finished(client, job)["status"] == "completed"
        assert upload.status_code == 200, upload.text

    # And nobody is root, can become it, or missed a place to write
    for name, process in stack.processes.items():
        status = status_of(process.pid)
        assert set(status["CapEff"]) == {"0"}, name
        assert status["NoNewPrivs"] == "1", name
        assert "Read-only file system" not in process.output(), name
        assert "Permission denied" not in process.output(), name


@pytest.mark.parametrize("place", ["/", "/usr", str(Path(__file__).parent)])
def test_the_root_is_read_only_in_there(place: str, tmp_path: Path) -> None:
    script = f"id -u; touch {place}/x 2>&1 || true; touch /tmp/x state && echo written"

    said = subprocess.run(
        jailed(tmp_path, "sh", "-c", script), capture_output=True, text=True, check=True
    ).stdout

    assert said.startswith(f"{UID}\n")
    assert "Read-only file system" in said
    assert said.endswith("written\n")


def test_all_in_one_serves_with_the_secrets_that_it_makes(tmp_path: Path) -> None:
    # Given what the image sets, and nobody's password
    ports = {name: str(any_free()) for name in ("API_PORT", "METRICS_PORT", "FLOWER_PORT")}
    environment = {
        **Stack(tmp_path).env,
        **ports,
        "REDIS_PORT": str(any_free()),
        "REDIS_URL": "",
        "APP_ENV": "production",
        "API_HOST": "0.0.0.0",
        "METRICS_HOST": "0.0.0.0",
        "ENGINE": "echo",
        "STATE_DIR": str(tmp_path),
    }

    # When it starts as the image does
    command = jailed(tmp_path, sys.executable, "-m", "cli", "up")
    process = Process("all-in-one", command, tmp_path / "log", environment)
    try:
        wait_until(
            lambda: "Ctrl-C stops it." in process.output() or process.returncode is not None,
            120,
            "the first answer",
        )

        # Then it has answered itself, and others log in with the password that it made
        assert "No first answer" not in process.output(), process.output()
        password = (tmp_path / "secrets" / "admin-password").read_text()
        assert password not in process.output()
        login = {"username": "admin", "password": password}
        url = f"http://127.0.0.1:{ports['API_PORT']}"
        assert httpx.post(f"{url}/auth/login", json=login, trust_env=False).is_success
        metrics = f"http://127.0.0.1:{ports['METRICS_PORT']}/metrics"
        assert "llama_tokens_generated_total" in httpx.get(metrics, trust_env=False).text
    finally:
        process.stop()
