"""Artifacts in a directory or an S3-compatible store; obstore speaks to both."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from common.artifact import MANIFEST, Artifact, ArtifactError, open_artifact
from quantization.manifest import verify
from quantization.progress import Track
from quantization.room import check_disk
from quantization.staging import staged

if TYPE_CHECKING:
    from obstore.store import ObjectStore


def push(artifact: Artifact, place: str, track: Track) -> None:
    """Copy the files of ``artifact`` to ``place``, its manifest last. Raises ArtifactError."""
    import obstore

    store = _open(place, make=True)
    directory = artifact.tokenizer_path.parent
    names = [*(file["name"] for file in artifact.manifest["files"]), MANIFEST]
    with _plain_errors(place):
        for name in track(names, len(names), "pushing"):
            obstore.put(store, name, directory / name)


def pull(place: str, directory: Path, track: Track) -> Artifact:
    """Copy the artifact at ``place`` into ``directory``, as a whole and verified.

    Raises ArtifactError.
    """
    store = _open(place, make=False)
    with _plain_errors(place):
        manifest = json.loads(_read(store, MANIFEST))
        files = [file["name"] for file in manifest["files"]]
        check_disk(directory, sum(file["bytes"] for file in manifest["files"]))
        with staged(directory) as stage:
            for name in track(files, len(files), "pulling"):
                if Path(name).name != name:
                    raise ArtifactError(f"{place} names a file outside itself: {name}")
                _download(store, name, stage / name)
            (stage / MANIFEST).write_bytes(_read(store, MANIFEST))
            verify(stage, manifest)
    return open_artifact(directory)


def _open(place: str, *, make: bool) -> "ObjectStore":
    """A directory, or a URL such as s3://bucket/prefix; keys come from AWS_* as usual."""
    try:
        from obstore.store import LocalStore, from_url
    except ImportError as error:
        raise ArtifactError(f"{error}: run `pip install -e '.[workshop]'`") from error
    with _plain_errors(place):
        if "://" in place:
            store: ObjectStore = from_url(place)
            return store
        if not make and not Path(place).is_dir():
            raise ArtifactError(f"there is no directory {place}")
        return LocalStore(Path(place), mkdir=make)


def _read(store: "ObjectStore", name: str) -> bytes:
    import obstore

    return bytes(obstore.get(store, name).bytes())


def _download(store: "ObjectStore", name: str, path: Path) -> None:
    import obstore

    with path.open("wb") as file:
        for chunk in obstore.get(store, name).stream(min_chunk_size=8 << 20):
            file.write(chunk)


@contextmanager
def _plain_errors(place: str) -> Iterator[None]:
    """Turn the store's errors into sentences."""
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, FileNotFoundError) as error:
        raise ArtifactError(f"{place}: {str(error).splitlines()[0]}") from error
