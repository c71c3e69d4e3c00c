"""Models from the Hugging Face hub. Needs the internet."""

import re
from functools import partial
from pathlib import Path
from typing import Any

from common.artifact import ArtifactError
from common.digests import check_digest
from quantization.room import check_disk

#: The weights once, as safetensors, and the small files; no second copy in other formats.
_WANTED = ["*.safetensors", "*.json", "*.jinja", "README.md", "LICENSE*"]
_UNWANTED = ["*/*", "consolidated*"]

_SHA256 = re.compile(r"[0-9a-f]{64}")


def download_snapshot(hub_id: str, revision: str | None, cache: Path, directory: Path) -> str:
    """Download a model by way of ``cache`` and link its files into ``directory``.

    Shows progress. What a broken download left in ``cache`` is used again; the weights are
    compared with the hub's sha256. Returns the commit. Raises ArtifactError, which for a gated
    model says how to get at it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    download = partial(
        snapshot_download,
        hub_id,
        revision=revision,
        cache_dir=cache,
        allow_patterns=_WANTED,
        ignore_patterns=_UNWANTED,
    )
    try:
        files: Any = download(dry_run=True)
        check_disk(cache, sum(file.file_size or 0 for file in files if file.will_download))
        snapshot = str(download())
    except GatedRepoError as error:
        raise ArtifactError(
            f"{hub_id} is gated: accept its licence at https://huggingface.co/{hub_id}, "
            "make a token at https://huggingface.co/settings/tokens and set HF_TOKEN to it"
        ) from error
    except RepositoryNotFoundError as error:
        raise ArtifactError(f"the hub has no {hub_id}, or it is private: set HF_TOKEN") from error
    except OSError as error:
        raise ArtifactError(f"cannot download {hub_id} (run it again to go on): {error}") from error
    _link(hub_id, Path(snapshot), directory)
    return Path(snapshot).name


def _link(hub_id: str, snapshot: Path, directory: Path) -> None:
    """Large files are kept under their sha256: compare it, and link what is sound."""
    if not list(snapshot.glob("*.safetensors")):
        raise ArtifactError(
            f"{hub_id} has no safetensors at this revision. Weights as a pickle are not fetched, "
            "since loading one runs whatever code is in it: look for a revision with safetensors"
        )
    for path in snapshot.iterdir():
        blob = path.resolve()
        if _SHA256.fullmatch(blob.name):
            check_digest(blob, blob.name)
        (directory / path.name).hardlink_to(blob)
