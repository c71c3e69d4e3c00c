"""Whether a directory of weights can be built from: looked at before any work is done."""

import json
from pathlib import Path

from common.artifact import ArtifactError
from quantization.checkpoint import Checkpoint
from quantization.weights import read_header

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_INDEX = "model.safetensors.index.json"


def refuse_pickle(directory: Path) -> None:
    """Raises ArtifactError where the weights are there as a pickle only."""
    if list(directory.glob("*.safetensors")):
        return
    for pattern in _PICKLES:
        for path in directory.glob(pattern):
            raise ArtifactError(
                f"{path} is a pickle: to load it is to run whatever code is in it. Convert it to "
                "safetensors where you trust it (save_pretrained writes them), or use a revision "
                "of the model that has them"
            )


def check_llama(checkpoint: Checkpoint) -> None:
    """Raises ArtifactError for any other architecture."""
    kind = checkpoint.config.get("model_type")
    if kind != "llama":
        raise ArtifactError(
            f"{checkpoint.directory} holds a model of type {kind}: the workshop and the engines "
            "know Llama (LlamaForCausalLM) and the models that share its architecture"
        )


def check_weights(checkpoint: Checkpoint) -> None:
    """Raises ArtifactError where a file of weights is missing, cut short or no safetensors."""
    index = checkpoint.directory / _INDEX
    wanted = set(checkpoint.weights)
    if index.exists():
        wanted |= set(json.loads(index.read_text())["weight_map"].values())
    for name in sorted(wanted):
        path = checkpoint.directory / name
        if not path.exists():
            raise ArtifactError(f"{path} is missing, and {_INDEX} names it: fetch it again")
        read_header(path)
