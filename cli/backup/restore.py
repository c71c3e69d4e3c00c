"""``restore``: a stopped stack gets what a backup holds."""

import shutil
import time
from pathlib import Path

from cli.backup.archive import BackupError, extract
from cli.backup.parts import FILES, REPLACED, STORE, files_directory, occupied
from cli.backup.store import SNAPSHOT, plant
from cli.settings import LauncherSettings
from cli.supervisor import Stage, Supervisor
from cli.terminal import fail, say


def restore(settings: LauncherSettings, archive: Path, *, force: bool) -> int:
    """Put a backup into STATE_DIR; return the exit status."""
    try:
        keys = restore_backup(settings, archive, force=force)
    except (BackupError, OSError) as error:
        fail(f"Nothing was restored: {error}")
        return 1
    say(f"Restored {keys} keys and all files into {settings.state}; `make run` starts it.")
    return 0


def restore_backup(settings: LauncherSettings, archive: Path, *, force: bool) -> int:
    """Restore; the number of keys in the store. Nothing is touched before all of it is checked.

    With ``force`` what was there is kept in STATE_DIR/replaced.

    Raises:
        BackupError: the stack runs, there is something already, or the archive is not whole.
        OSError: no room or no right.
    """
    _check_target(settings, force=force)
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = settings.state / ".restoring"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=0o700)
    try:
        manifest = extract(archive, aside)
        snapshot = aside / STORE / SNAPSHOT
        keys = plant(snapshot, aside / "planted", manifest.get("server", "an unknown server"))
        _move_away(settings)
        _move_in(settings, aside)
    finally:
        shutil.rmtree(aside)
    return keys


def _check_target(settings: LauncherSettings, *, force: bool) -> None:
    if not settings.embedded:
        raise BackupError("REDIS_URL names a server of its own; see docs/operations.md.")
    if Supervisor(settings.state).stage() is not Stage.ABSENT:
        raise BackupError(f"the stack of {settings.state} runs; `make stop` stops it.")
    there = occupied(settings)
    if there and not force:
        names = ", ".join(str(path) for path in there)
        raise BackupError(f"there is something in the way: {names}. FORCE=1 puts it aside.")


def _move_away(settings: LauncherSettings) -> None:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    before = settings.state / REPLACED / stamp
    for path in occupied(settings):
        before.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.move(path, before / path.name)


def _move_in(settings: LauncherSettings, aside: Path) -> None:
    files = files_directory(settings)
    parts = {aside / "planted": settings.state / STORE}
    if files:
        parts[aside / FILES] = files
    for path in (aside / "state").glob("*"):
        parts[path] = settings.state / path.name
    for source, target in parts.items():
        if source.exists():
            if target.is_dir():
                target.rmdir()  # it is empty: what it held was moved away
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(source, target)
