"""Whether a model's files are those that its manifest describes."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from common.artifact import Artifact, ArtifactError

#: Within STATE_DIR: path -> [size, mtime in ns, inode, sha256] of files digested before.
_REMEMBERED = Path("cache", "digests.json")


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_digest(path: Path, sha256: str, found: str | None = None) -> None:
    """Raises ArtifactError where the content of ``path`` has another SHA-256."""
    found = found or digest(path)
    if found != sha256:
        raise ArtifactError(f"{path} is damaged: its sha256 is {found}, not {sha256}; delete it")


def verify_once(artifact: Artifact, state_dir: Path) -> None:
    """Compare every file with its recorded digest, reading only what changed since last time.

    A file of the same size, time of change and inode is taken to be the same: a first start
    reads everything (a second per gigabyte or so), later ones nothing. Raises ArtifactError.
    """
    store = state_dir / _REMEMBERED
    remembered = _read(store)
    known = dict(remembered)
    directory = artifact.tokenizer_path.parent
    for file in artifact.manifest["files"]:
        path = (directory / file["name"]).resolve()
        stamp = _stamp(path)
        *seen, found = known.get(str(path), [None])
        if seen != stamp:
            found = digest(path)
            known[str(path)] = [*stamp, found]
        check_digest(path, file["sha256"], found)
    if known != remembered:
        _write(store, known)


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def _read(store: Path) -> Mapping[str, Any]:
    try:
        return dict(json.loads(store.read_text()))
    except (OSError, ValueError):
        return {}


def _write(store: Path, known: Mapping[str, Any]) -> None:
    """Remember; where nothing can be written, the next start reads the files again."""
    partial = store.with_name(f".{store.name}.partial")
    with suppress(OSError):
        store.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(known, indent=1))
        partial.replace(store)
