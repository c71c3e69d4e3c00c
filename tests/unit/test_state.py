import stat
from pathlib import Path

import pytest

from cli.settings import LauncherSettings
from cli.stack import Stack
from cli.state import (
    LONGEST_SOCKET_PATH,
    control_socket,
    make_directories,
    private_directory,
    secret,
)


def test_a_secret_is_made_once_and_is_for_this_user_only(tmp_path: Path) -> None:
    first = secret(tmp_path, "flower-password")

    assert secret(tmp_path, "flower-password") == first
    assert len(first) >= 20
    assert stat.S_IMODE((tmp_path / "secrets" / "flower-password").stat().st_mode) == 0o600


def test_the_socket_stands_in_the_state_directory() -> None:
    assert control_socket(Path("/srv/var")) == Path("/srv/var/run/supervisor.sock")


def test_a_deep_state_directory_gets_a_short_socket_of_its_own() -> None:
    # Given two state directories whose paths are too long for a Unix socket
    deep = Path("/srv") / ("d" * 100)
    deeper = deep / "x"

    # When each is asked for its socket
    sockets = {control_socket(deep), control_socket(deeper)}

    # Then both are short, and not the same
    assert len(sockets) == 2
    assert all(len(str(path)) <= LONGEST_SOCKET_PATH for path in sockets)


def test_a_directory_behind_somebodys_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    with pytest.raises(PermissionError, match="STATE_DIR"):
        private_directory(tmp_path / "link")


def test_what_is_remembered_of_a_stack_holds_no_secret(tmp_path: Path) -> None:
    # Given a store with a password, and a Flower with one
    settings = LauncherSettings.model_validate(
        {
            "state_dir": tmp_path,
            "redis_url": "redis://:hunter2@store/0",
            "flower_password": "hunter3",
        }
    )
    make_directories(tmp_path)

    # When the running stack is remembered
    stack = Stack.of(settings, metrics_port=9091)
    stack.write()

    # Then it can be read again, and neither password stands in the file
    assert Stack.read(tmp_path) == stack
    assert "hunter" not in (tmp_path / "run" / "stack.json").read_text()
