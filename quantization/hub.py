"""Models from the Hugging Face hub. Needs the internet."""

from pathlib import Path

from common.artifact import ArtifactError

#: The weights once, as safetensors, and the small files; no second copy in other formats.
_WANTED = ["*.safetensors", "*.json", "*.jinja"]
_UNWANTED = ["*/*", "consolidated*"]


def download_snapshot(hub_id: str, revision: str | None, cache: Path, directory: Path) -> str:
    """Download a model by way of ``cache`` and link its files into ``directory``.

    Shows progress. What a broken download left in ``cache`` is used again. Returns the
    commit. Raises ArtifactError, which for a gated model says how to get at it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        snapshot = snapshot_download(
            hub_id,
            revision=revision,
            cache_dir=cache,
            allow_patterns=_WANTED,
            ignore_patterns=_UNWANTED,
        )
    except GatedRepoError as error:
        raise ArtifactError(
            f"{hub_id} is gated: accept its licence at https://huggingface.co/{hub_id}, "
            "make a token at https://huggingface.co/settings/tokens and set HF_TOKEN to it"
        ) from error
    except RepositoryNotFoundError as error:
        raise ArtifactError(f"the hub has no {hub_id}, or it is private: set HF_TOKEN") from error
    except OSError as error:
        raise ArtifactError(f"cannot download {hub_id} (run it again to go on): {error}") from error
    for path in Path(snapshot).iterdir():
        (directory / path.name).hardlink_to(path.resolve())
    return Path(snapshot).name
