"""Whether the model's files are there, whole and unchanged."""

from collections.abc import Iterator

from cli.doctor.finding import Finding, fail, info, ok
from cli.doctor.scene import Scene
from common.artifact import ArtifactError, open_artifact, resolve_model
from common.digests import check_digest
from common.settings import EngineName

_FETCH = "python -m quantization fetch"


def model(scene: Scene) -> Iterator[Finding]:
    """Every file has the size and the digest of the manifest; all of them are read."""
    settings = scene.settings
    if settings.engine in (EngineName.ECHO, EngineName.OPENAI):
        yield info("model", f"ENGINE={settings.engine} reads no model files.")
        return
    fix = f"{_FETCH} --model {settings.model}" if settings.model else _FETCH
    try:
        artifact = open_artifact(resolve_model(settings.model, settings.engine, settings.state))
        for file in artifact.manifest["files"]:
            check_digest(artifact.tokenizer_path.parent / file["name"], file["sha256"])
    except ArtifactError as error:
        level = fail if scene.meant_to_run or settings.model else info
        yield level("model", str(error), fix)
        return
    size = artifact.bytes / 2**20
    yield ok("model", f"{artifact.name} ({artifact.quantization}, {size:.0f} MiB): digests match.")
