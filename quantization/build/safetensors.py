"""Writes safetensors, quantized by bitsandbytes where the recipe says so.

The model is loaded as the engine would quantize it on the fly, and saved before its first
forward pass (which repacks 4-bit weights on a CPU): an engine that loads the files computes the
same logits.
"""

import shutil
from pathlib import Path

from common.artifact import CHAT_TEMPLATE, TOKENIZER, Artifact
from quantization.recipes import Recipe

_BESIDE = (TOKENIZER, CHAT_TEMPLATE, "tokenizer_config.json")


def write_safetensors(source: Artifact, recipe: Recipe, directory: Path) -> None:
    """Quantize ``source`` into ``directory``. Raises ModelUnavailable."""
    from worker.engines.settings import EngineSettings, Quantization
    from worker.engines.transformers.loading import load_model

    model = load_model(source, EngineSettings(quantization=Quantization(recipe.name)))
    model.save_pretrained(directory)
    for path in directory.glob("*.safetensors"):
        path.chmod(0o644)  # transformers leaves it to its owner alone
    for name in _BESIDE:
        path = source.tokenizer_path.parent / name
        if path.exists():
            shutil.copy(path, directory / name)
