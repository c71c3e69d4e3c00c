"""``make run DETACH=1`` and ``make stop``, on an engine without a model."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import redis

from cli.flower import flower_login
from cli.ports import any_free, is_taken
from cli.settings import LauncherSettings
from cli.supervisor import ProcessState, Stage, Supervisor
from tests.support.processes import Process
from tests.support.stack import INHERITED, ROOT
from tests.support.waiting import wait_until

#: An engine without a model, slow enough to be seen writing.
ECHO = {"ENGINE": "echo", "ECHO_TOKENS_PER_SECOND": "400"}


class Machine:
    """Somebody's machine: a checkout, free ports, and a state directory."""

    def __init__(self, state: Path) -> None:
        names = ("API_PORT", "FLOWER_PORT", "METRICS_PORT", "REDIS_PORT")
        self.ports = {name: any_free() for name in names}
        values = {name.lower(): port for name, port in self.ports.items()}
        self.settings = LauncherSettings.model_validate({**values, "state_dir": state})
        self.supervisor = Supervisor(state)

        self.environment = {name: os.environ[name] for name in INHERITED if name in os.environ}

    def command(self, target: str, *arguments: str) -> list[str]:
        """What somebody types on this machine."""
        given = {**self.ports, "STATE_DIR": self.settings.state_dir, **ECHO}
        return ["make", target, *(f"{name}={value}" for name, value in given.items()), *arguments]

    def make(self, target: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run make to its end; output and errors together."""
        return subprocess.run(
            self.command(target, *arguments),
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=240,
        )

    def process(self, name: str) -> ProcessState:
        return next(found for found in self.supervisor.processes() if found.name == name)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    machine = Machine(tmp_path_factory.mktemp("state"))
    yield machine
    machine.make("stop")


@pytest.fixture(scope="module")
def first_run(machine: Machine) -> str:
    """What `make run DETACH=1` printed; the stack is up."""
    result = machine.make("run", "DETACH=1", "APPENDFSYNC=always")
    assert result.returncode == 0, result.stdout
    return result.stdout


def test_the_first_run_shows_an_answer_its_timings_and_the_addresses(
    machine: Machine, first_run: str
) -> None:
    assert "AAPL" in first_run
    assert "tokens/s" in first_run
    assert machine.settings.gateway_url in first_run
    assert f"http://127.0.0.1:{machine.ports['FLOWER_PORT']}" in first_run


def test_a_second_run_says_that_one_is_running_and_where(machine: Machine, first_run: str) -> None:
    result = machine.make("run", "DETACH=1")

    assert result.returncode == 0
    assert "already running" in result.stdout
    assert machine.settings.gateway_url in result.stdout


def test_the_store_is_as_durable_as_was_asked(machine: Machine, first_run: str) -> None:
    assert first_run
    with redis.Redis(port=machine.ports["REDIS_PORT"], decode_responses=True) as store:
        kept = store.config_get("append*")
    assert (kept["appendonly"], kept["appendfsync"]) == ("yes", "always")


def test_flower_asks_for_the_password_that_was_printed(machine: Machine, first_run: str) -> None:
    user, password = flower_login(machine.settings)
    flower = f"http://127.0.0.1:{machine.ports['FLOWER_PORT']}/api/workers"

    assert password in first_run
    assert httpx.get(flower).status_code == 401
    assert httpx.get(flower, auth=(user, password)).status_code == 200


def test_no_process_shows_a_secret_on_its_command_line(machine: Machine, first_run: str) -> None:
    _, password = flower_login(machine.settings)
    lines = [
        " ".join(psutil.Process(process.pid).cmdline())
        for process in machine.supervisor.processes()
    ]

    assert len(lines) == 6
    assert all(password not in line and "admin123" not in line for line in lines)


def test_a_running_stack_is_saved_and_not_overwritten(
    machine: Machine, first_run: str, tmp_path: Path
) -> None:
    # Given a backup of a running stack
    saved = machine.make("backup", f"TO={tmp_path / 'backup.tar.gz'}")
    assert saved.returncode == 0, saved.stdout

    # When somebody restores it before they have stopped it
    refused = machine.make("restore", f"FROM={tmp_path / 'backup.tar.gz'}", "FORCE=1")

    # Then they are told to
    assert refused.returncode != 0
    assert "`make stop` stops it" in refused.stdout


@pytest.mark.parametrize(
    "name", ["valkey", "maintenance", "inference", "webhooks", "gateway", "flower"]
)
def test_a_process_that_was_killed_is_started_again(
    machine: Machine, first_run: str, name: str
) -> None:
    # Given a process that has run for a while
    wait_until(lambda: machine.process(name).state == "RUNNING", what=f"{name} running")
    killed = machine.process(name).pid

    # When it is killed
    os.kill(killed, signal.SIGKILL)

    # Then another one takes its place
    wait_until(
        lambda: machine.process(name).pid not in (0, killed), what=f"another process for {name}"
    )


def test_stop_ends_every_process_and_may_be_said_twice(machine: Machine, first_run: str) -> None:
    pids = [process.pid for process in machine.supervisor.processes()]

    # When the stack is stopped
    result = machine.make("stop")

    # Then every process is gone and every port free, and there is nothing left to stop
    assert result.returncode == 0, result.stdout
    assert not [pid for pid in pids if pid and psutil.pid_exists(pid)]
    assert not [port for port in machine.ports.values() if is_taken(port)]
    assert "not running" in machine.make("stop").stdout


def test_ctrl_c_drains_and_stops_what_runs_in_the_foreground(tmp_path: Path) -> None:
    # Given `make run` in a terminal, answered and waiting
    machine = Machine(tmp_path)
    log = tmp_path / "terminal.log"
    terminal = Process("make", machine.command("run"), log, machine.environment)
    try:
        wait_until(lambda: "Ctrl-C stops it." in terminal.output(), 60, "the first answer's end")

        # When somebody presses Ctrl-C, which the whole group hears
        os.killpg(terminal.pid, signal.SIGINT)

        # Then it says that it stops, and it does
        wait_until(lambda: terminal.returncode is not None, 60, "the end of make")
    finally:
        terminal.kill()
    assert "Stopped." in terminal.output()
    assert "Traceback" not in terminal.output()
    assert machine.supervisor.stage() is Stage.ABSENT


def test_a_wrong_setting_is_told_in_one_line_and_nothing_stays_behind(tmp_path: Path) -> None:
    machine = Machine(tmp_path)

    result = machine.make("run", "DETACH=1", "API_PORT=http")

    assert result.returncode != 0
    assert "API_PORT" in result.stdout
    assert "Traceback" not in result.stdout
    assert machine.supervisor.stage() is Stage.ABSENT


def test_a_process_that_keeps_dying_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    # Given a setting that only the gateway reads, and refuses
    machine = Machine(tmp_path)

    # When everything is started
    result = machine.make("run", "DETACH=1", "MAX_QUEUE_SIZE=many")

    # Then the launcher names the process and the setting, and stops the rest
    assert result.returncode != 0
    assert "gateway keeps dying" in result.stdout
    assert "MAX_QUEUE_SIZE" in result.stdout
    assert machine.supervisor.stage() is Stage.ABSENT
