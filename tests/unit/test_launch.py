import socket
from collections.abc import Iterator

import pytest

from cli.launch import NotStartedError, check_ports
from cli.ports import any_free, is_taken, next_free
from cli.settings import LauncherSettings


@pytest.fixture
def listener() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def settings(**values: object) -> LauncherSettings:
    free = {name: any_free() for name in ("api_port", "flower_port", "redis_port")}
    return LauncherSettings.model_validate(free | values)


def test_a_taken_port_is_named_with_the_setting_that_changes_it(listener: int) -> None:
    with pytest.raises(NotStartedError) as refusal:
        check_ports(settings(api_port=listener))

    assert str(listener) in str(refusal.value)
    assert f"make run API_PORT={next_free(listener + 1)}" in str(refusal.value)


def test_every_taken_port_is_named_at_once(listener: int) -> None:
    with pytest.raises(NotStartedError, match=r"API_PORT=\d+ FLOWER_PORT=\d+"):
        check_ports(settings(api_port=listener, flower_port=listener))


def test_free_ports_are_fine() -> None:
    check_ports(settings())


def test_another_servers_port_is_not_ours_to_check(listener: int) -> None:
    # Given REDIS_URL, we start no server, so REDIS_PORT does not matter
    check_ports(settings(redis_port=listener, redis_url="redis://elsewhere:6379/0"))


def test_a_port_that_was_chosen_is_chosen_for_nobody_else_before_its_server_starts() -> None:
    # Given a port that a server is to get
    port = any_free()
    # Then who lets the system choose does not get it, and who asks for it by its number does
    with socket.socket() as another, pytest.raises(OSError, match="in use"):
        another.bind(("127.0.0.1", port))
    with socket.create_server(("127.0.0.1", port)):
        assert is_taken(port)


def test_a_port_is_free_again_once_its_server_is_gone() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert is_taken(port)

    assert not is_taken(port)
