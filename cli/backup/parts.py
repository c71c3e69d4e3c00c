"""What a backup holds besides the store, and where it lives in a stack."""

from collections.abc import Iterator
from pathlib import Path

from cli.settings import LauncherSettings

STORE = "valkey"
FILES = "files"
BACKUPS = "backups"
REPLACED = "replaced"
#: Of STATE_DIR: what can be had again, what only a running stack needs, and what is saved apart.
LEFT_OUT = {
    *("cache", "logs", "measurements", "models", "quantization", "run"),
    *(BACKUPS, FILES, REPLACED, STORE),
}


def files_directory(settings: LauncherSettings) -> Path | None:
    """Where uploads and results of batches are; None if S3 keeps them, which has its own backups."""
    if settings.files_url:
        return None
    return settings.files_dir.resolve() if settings.files_dir else settings.state / FILES


def kept(state: Path) -> Iterator[Path]:
    """Keys, secrets and Flower's history: everything in STATE_DIR that is not left out."""
    for path in sorted(state.iterdir()) if state.is_dir() else ():
        if path.name not in LEFT_OUT and not path.name.startswith("."):
            yield path


def occupied(settings: LauncherSettings) -> list[Path]:
    """What a restore would put itself in the place of."""
    files = files_directory(settings)
    wanted = [settings.state / STORE, *([files] if files else []), *kept(settings.state)]
    return [path for path in wanted if _has_content(path)]


def _has_content(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()
