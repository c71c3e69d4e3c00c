"""The store's part of a backup: a snapshot of a running server, and a server begun from one."""

import re
import subprocess
from pathlib import Path
from typing import Any

import redis

from cli.backup.archive import BackupError
from cli.ports import any_free
from cli.valkey import find_server, server_command
from cli.waiting import wait

SNAPSHOT = "dump.rdb"
#: A server that finds this file and no newer log begins with it, be it a log or a snapshot.
SEED = "appendonly.aof"
PATIENCE_SECONDS = 3600.0


def snapshot(client: "redis.Redis", directory: Path) -> Path:
    """Let the server write its data of one moment into its directory; the file.

    Raises:
        BackupError: it could not.
        redis.RedisError: it does not answer.
    """
    path = directory / SNAPSHOT
    path.unlink(missing_ok=True)
    client.execute_command("BGSAVE", "SCHEDULE")

    def written() -> bool:
        if path.exists():  # it gets this name when it is whole
            return True
        facts = _persistence(client)
        running = facts["rdb_bgsave_in_progress"] or facts["aof_rewrite_in_progress"]
        if not running and facts["rdb_last_bgsave_status"] != "ok":
            raise BackupError("The server could not write its snapshot; see its log.")
        return False

    if not wait(written, PATIENCE_SECONDS):
        raise BackupError(f"The server wrote no snapshot within {PATIENCE_SECONDS:.0f} s.")
    return path


def name_of(client: "redis.Redis") -> str:
    """Which server this is: valkey 9.1.2."""
    facts = client.info("server")
    version = facts.get("valkey_version", facts["redis_version"])
    return f"{facts.get('server_name', 'redis')} {version}"


def plant(rdb: Path, directory: Path, written_by: str) -> int:
    """Make an empty directory that of a durable server which holds the snapshot; how many keys.

    A server is started on it once, so that a snapshot it cannot read is known at once: an
    older one cannot read that of a newer one.

    Raises:
        BackupError: the server refuses it.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    rdb.rename(directory / SEED)
    port, log = any_free(), directory / "restore.log"
    with log.open("wb") as output:
        command = server_command(find_server(), port, directory)
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        with redis.Redis(port=port, socket_timeout=5) as client:
            wait(lambda: process.poll() is not None or _has_loaded(client), PATIENCE_SECONDS)
            if process.poll() is not None:
                raise BackupError(
                    f"The server here refuses the snapshot of {written_by}: {_last_line(log)}"
                )
            keys = int(client.dbsize())
    finally:
        process.terminate()
        process.wait()
    log.unlink()
    return keys


def _persistence(client: "redis.Redis") -> dict[str, Any]:
    facts: dict[str, Any] = client.info("persistence")
    return facts


def _has_loaded(client: "redis.Redis") -> bool:
    try:
        return not _persistence(client)["loading"]
    except redis.RedisError:
        return False


def _last_line(log: Path) -> str:
    lines = re.findall(r"[#*] (.+)", log.read_text(errors="replace"))
    return lines[-1] if lines else "it said nothing"
