"""Each file of examples/ does what it says, against the live service."""

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.live import LiveStack
from tests.support.stack import ROOT

EXAMPLES = ROOT / "examples"

#: What the last lines of each say when all went well; the echo engine repeats the prompt.
PYTHON = {
    "submit_then_poll.py": "total_tokens",
    "options_specialist.py": "confidence",
    "openai_chat.py": "What is an option?",
    "openai_background.py": "incomplete",  # the echo engine never ends by itself
    "openai_batch.py": "expiration: What is a expiration in options trading?",
    "langchain_chat.py": "What is a share?",
}

#: Run or read by a test of its own.
ELSEWHERE = {"README.md", "curl.sh", "locustfile.py", "k6.js", "webhook_receiver.py"}


@pytest.fixture
def environment(live_stack: LiveStack) -> Mapping[str, str]:
    live_stack.ensure()
    return {
        **live_stack.env,
        "CARAVAN_MODEL": "echo",
        "CARAVAN_TOKEN": live_stack.token(),
        "CARAVAN_URL": live_stack.url,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


def run(environment: Mapping[str, str], cwd: Path, *command: str) -> str:
    done = subprocess.run(
        command, env=environment, cwd=cwd, capture_output=True, text=True, check=False, timeout=150
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", PYTHON)
def test_a_program_works(name: str, environment: Mapping[str, str], tmp_path: Path) -> None:
    said = run(environment, tmp_path, sys.executable, str(EXAMPLES / name))

    assert PYTHON[name] in said


def test_the_way_of_a_job_with_curl(environment: Mapping[str, str], tmp_path: Path) -> None:
    # Given nobody has logged in
    without = {name: value for name, value in environment.items() if name != "CARAVAN_TOKEN"}
    # When the script runs
    said = run(without, tmp_path, "bash", str(EXAMPLES / "curl.sh")).splitlines()
    # Then both tries are one job, it is streamed and read, and the last one is cancelled
    first, second = (line.split()[-1] for line in said if line.startswith("try"))
    assert first == second
    assert any(line.endswith("event: done") for line in said)
    assert said[-1] == "cancelled"


def test_locust_loads_the_service_without_a_failure(
    environment: Mapping[str, str], tmp_path: Path, live_stack: LiveStack
) -> None:
    # Given ten users for three seconds
    arguments = ["--headless", "--users", "10", "--spawn-rate", "10", "--run-time", "3s"]
    script = str(EXAMPLES / "load" / "locustfile.py")
    # When they ask
    command = ["-m", "locust", "-f", script, "--host", live_stack.url, *arguments]
    run(environment, tmp_path, sys.executable, *command, "--csv", str(tmp_path / "load"))
    # Then many were answered, and none wrongly
    with (tmp_path / "load_stats.csv").open() as file:
        (total,) = [row for row in csv.DictReader(file) if row["Name"] == "Aggregated"]
    assert int(total["Request Count"]) > 10
    assert int(total["Failure Count"]) == 0


def test_the_script_of_k6_is_javascript(tmp_path: Path) -> None:
    # k6 itself is no Python package: the script is read, not run.
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is missing: apt install nodejs")
    script = tmp_path / "k6.mjs"
    shutil.copy(EXAMPLES / "load" / "k6.js", script)

    run(os.environ, tmp_path, node, "--check", str(script))


def test_every_example_is_run_and_named_in_the_readme() -> None:
    found = {path.name for path in EXAMPLES.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    readme = (EXAMPLES / "README.md").read_text()

    assert found == set(PYTHON) | ELSEWHERE
    assert [name for name in found - {"README.md"} if name not in readme] == []
