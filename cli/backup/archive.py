"""A backup as a file: a gzipped tar whose last member says what the others must be."""

import hashlib
import io
import json
import os
import tarfile
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

MANIFEST = "manifest.json"
FORMAT = 1


class BackupError(Exception):
    """Why there is no backup, or none that can be restored, in one line."""


class ArchiveWriter:
    """Adds files and notes their SHA-256, as they are at that moment: they may go on growing."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.digests: dict[str, str] = {}

    def add(self, path: Path, name: str) -> None:
        """Add one file under a name; one that is gone by now is left out."""
        try:
            with path.open("rb") as file:
                info = self._tar.gettarinfo(arcname=name, fileobj=file)
                hashing = _Hashing(file)
                self._tar.addfile(info, hashing)
        except FileNotFoundError:
            return
        self.digests[name] = hashing.digest.hexdigest()

    def add_tree(self, directory: Path, name: str) -> None:
        """Add every file below a directory, if it is there."""
        for path in sorted(directory.rglob("*")) if directory.is_dir() else ():
            if path.is_file() and not path.is_symlink():
                self.add(path, f"{name}/{path.relative_to(directory)}")

    def close(self, facts: Mapping[str, Any]) -> None:
        """Write the manifest."""
        text = json.dumps({"format": FORMAT, **facts, "sha256": self.digests}, indent=2).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size, info.mode, info.mtime = len(text), 0o600, int(time.time())
        self._tar.addfile(info, io.BytesIO(text))


@contextmanager
def writing(path: Path) -> Iterator[ArchiveWriter]:
    """An archive that appears whole or not at all, readable by this user only."""
    aside = path.with_name(f".{path.name}.part")
    handle = os.open(aside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as tar:
                yield ArchiveWriter(tar)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def extract(path: Path, directory: Path) -> dict[str, Any]:
    """Unpack an archive into a directory, and return its manifest.

    Raises:
        BackupError: it is no backup of ours, or not whole, or not as it was written.
    """
    try:
        with tarfile.open(path, "r:gz") as tar:
            tar.extractall(directory, filter="data")
    except FileNotFoundError as error:
        raise BackupError(f"There is no backup {path}.") from error
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise BackupError(f"{path} is no whole backup: {error}") from error
    if not (directory / MANIFEST).is_file():
        raise BackupError(f"{path} is no backup of Caravan: it has no {MANIFEST}.")
    manifest: dict[str, Any] = json.loads((directory / MANIFEST).read_text())
    if manifest["format"] != FORMAT:
        raise BackupError(f"{path} has format {manifest['format']}; this version reads {FORMAT}.")
    _verify(path, directory, manifest["sha256"])
    return manifest


def _verify(path: Path, directory: Path, digests: Mapping[str, str]) -> None:
    there = {
        str(file.relative_to(directory)) for file in directory.rglob("*") if file.is_file()
    } - {MANIFEST}
    if there != set(digests):
        odd = ", ".join(sorted(there ^ set(digests)))
        raise BackupError(f"{path} does not hold what its manifest says: {odd}")
    for name, digest in digests.items():
        with (directory / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise BackupError(f"{path} was changed: {name} has another SHA-256.")


class _Hashing(io.RawIOBase):
    """Reads a file and hashes what is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data
