"""``backup``: the store, the files and the secrets of a running stack, in one archive."""

import time
from pathlib import Path

import redis

from cli.backup.archive import BackupError, writing
from cli.backup.parts import BACKUPS, FILES, STORE, files_directory, kept
from cli.backup.store import SNAPSHOT, name_of, snapshot
from cli.settings import LauncherSettings
from cli.terminal import fail, say


def backup(settings: LauncherSettings, target: Path | None) -> int:
    """Write the backup while the stack goes on working; return the exit status."""
    try:
        path = make_backup(settings, target)
    except (BackupError, redis.RedisError, OSError) as error:
        fail(f"No backup: {error}")
        return 1
    say(f"{path} ({path.stat().st_size / 1e6:.1f} MB). It holds secrets: keep it private.")
    return 0


def make_backup(settings: LauncherSettings, target: Path | None) -> Path:
    """The archive of this moment.

    The store comes first: every file that its records name is then there, or was deleted since.

    Raises:
        BackupError: the store is not ours, or cannot be saved.
        redis.RedisError: it does not run.
        OSError: there is no room, or no right to write.
    """
    if not settings.embedded:
        raise BackupError(
            "REDIS_URL names a server that `make run` did not start; docs/operations.md tells "
            "how to back that one up."
        )
    path = target or settings.state / BACKUPS / time.strftime(
        "caravan-%Y%m%dT%H%M%SZ.tar.gz", time.gmtime()
    )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (
        redis.Redis.from_url(settings.broker_url, socket_timeout=30) as client,
        writing(path) as out,
    ):
        rdb = snapshot(client, settings.state / STORE)
        out.add(rdb, f"{STORE}/{SNAPSHOT}")
        rdb.unlink()
        for part in kept(settings.state):
            if part.is_dir():
                out.add_tree(part, f"state/{part.name}")
            else:
                out.add(part, f"state/{part.name}")
        files = files_directory(settings)
        if files:
            out.add_tree(files, FILES)
        out.close({"created": int(time.time()), "server": name_of(client)})
    return path
