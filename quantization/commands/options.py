"""What several commands have in common."""

import argparse
import sys
from pathlib import Path

from common.artifact import Artifact, ArtifactError
from common.settings import CommonSettings
from quantization.fetch import fetch
from quantization.soundness import refuse_pickle


def report(line: str) -> None:
    """Say what is going on, where it does not mix with results."""
    print(line, file=sys.stderr, flush=True)


def add_model(parser: argparse.ArgumentParser, settings: CommonSettings) -> None:
    """``--model`` and ``--state-dir``."""
    parser.add_argument(
        "--model",
        default=settings.model,
        help="directory, .gguf file or hub id (MODEL; default: SmolLM2-135M-Instruct)",
    )
    parser.add_argument("--state-dir", type=Path, default=settings.state_dir, help="(STATE_DIR)")


def full_precision(model: str | None, state_dir: Path) -> Artifact:
    """The weights that builds start from, fetched if need be. Raises ArtifactError."""
    if model:
        refuse_pickle(Path(model).expanduser())
    artifacts = fetch(model, state_dir, report)
    found = [artifact for artifact in artifacts if artifact.format == "safetensors"]
    if found:
        return found[0]
    if not model:
        raise ArtifactError(
            "the default model comes as GGUF and has to be converted: "
            "run `pip install -e '.[transformers,quantization]'` first"
        )
    raise ArtifactError(
        f"{model} is a GGUF file ({artifacts[0].quantization}): builds start from safetensors"
    )


def given(model: str | None, state_dir: Path) -> Artifact:
    """The model that is named, labelled if it is not yet; or the default one's full weights.

    Raises ArtifactError.
    """
    if not model:
        return full_precision(None, state_dir)
    refuse_pickle(Path(model).expanduser())
    return fetch(model, state_dir, report)[0]
