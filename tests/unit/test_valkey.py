from pathlib import Path

import pytest
import redis

from cli.valkey import find_server, server_command, version_of
from tests.support.valkey import ValkeyServer


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", (7, 0, 15)),
        ("Valkey server v=9.1.2 sha=00000000:0 malloc=libc bits=64", (9, 1, 2)),
        ("Redis server v=5.0.14", (5, 0, 14)),
        ("command not found", ()),
    ],
)
def test_the_version_is_read_from_what_the_server_says(text: str, version: tuple[int, ...]) -> None:
    assert version_of(text) == version


def test_an_old_server_on_the_path_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a machine whose redis-server is too old for Celery
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=6.0.16 sha=0'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    # When a server is looked for
    server = find_server()

    # Then it is another one, and it is there
    assert server != old
    assert server.exists()


def test_a_server_killed_after_an_acknowledged_sync_still_has_the_value(
    own_valkey: ValkeyServer,
) -> None:
    # Given a value that was acknowledged once it was in the file
    with redis.Redis.from_url(own_valkey.url) as client:
        client.config_set("appendfsync", "always")
        client.set("accepted", "yes")

    # When it is killed and started again
    own_valkey.kill()
    own_valkey.start()

    # Then the value is still there
    with redis.Redis.from_url(own_valkey.url) as client:
        assert client.get("accepted") == b"yes"


def test_the_server_evicts_nothing_and_appends_everything(own_valkey: ValkeyServer) -> None:
    with redis.Redis.from_url(own_valkey.url, decode_responses=True) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}


def test_the_command_line_says_port_and_directory_only() -> None:
    command = server_command(Path("/bin/valkey-server"), 6380, Path("/state/valkey"))

    assert command[0] == "/bin/valkey-server"
    assert command[2:] == ["--port", "6380", "--dir", "/state/valkey"]
