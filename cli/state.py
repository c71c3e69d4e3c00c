"""The launcher's files under STATE_DIR: private, and made when first needed."""

import hashlib
import os
import secrets
import tempfile
from pathlib import Path

#: A Unix socket's path holds 104 bytes on macOS; the supervisor adds a dot and a pid.
LONGEST_SOCKET_PATH = 90

SUBDIRECTORIES = ("flower", "logs", "run", "secrets", "valkey")


def make_directories(state: Path) -> None:
    """Make what the processes expect to find, readable for this user only."""
    for name in SUBDIRECTORIES:
        (state / name).mkdir(parents=True, exist_ok=True, mode=0o700)


def control_socket(state: Path) -> Path:
    """Where the supervisor listens; under the system's temporary directory if state is deep."""
    path = state / "run" / "supervisor.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(state)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"caravan-{os.getuid()}-{digest}" / "supervisor.sock"


def private_directory(path: Path) -> None:
    """Make a directory that is ours alone.

    Raises:
        PermissionError: somebody else made it before us.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = path.lstat()
    if path.is_symlink() or status.st_uid != os.getuid():
        raise PermissionError(f"{path} belongs to somebody else: remove it, or set STATE_DIR.")


def secret(state: Path, name: str) -> str:
    """A random secret, made once and kept under STATE_DIR/secrets with mode 0600."""
    path = state / "secrets" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
    return path.read_text().strip()
