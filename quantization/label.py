"""Puts beside a model's weights what the service needs to know; needs no torch.

Whatever of it is there already stays, but for the manifest, which comes last.
"""

from collections.abc import Mapping
from pathlib import Path

from common.artifact import CHAT_TEMPLATE, TOKENIZER, ArtifactError
from quantization.checkpoint import Checkpoint
from quantization.gguf_file import GgufFile
from quantization.gguf_tokenizer import build_tokenizer
from quantization.manifest import Manifest, tool_versions, write_text


def label_gguf(path: Path, source: Mapping[str, str], name: str | None = None) -> None:
    """Write tokenizer.json, chat_template.jinja and manifest.json beside a .gguf file.

    Raises ArtifactError, also where other .gguf files share its directory.
    """
    if len(list(path.parent.glob("*.gguf"))) > 1:
        raise ArtifactError(f"{path.parent} has several .gguf files: give {path.name} its own")
    file = GgufFile.read(path)
    if not (path.parent / TOKENIZER).exists():
        write_text(path.parent / TOKENIZER, build_tokenizer(file).to_str(pretty=True))
    _write_chat_template(path.parent, file.chat_template)
    Manifest(
        name=name or path.stem,
        source=source,
        licence=file.licence,
        format="gguf",
        quantization=file.quantization,
        context_size=file.context_size,
        parameters=file.parameters,
        eos_token_ids=file.eos_token_ids,
        special_tokens=file.special_tokens,
        weights=[path.name],
        tools=tool_versions("gguf", "tokenizers"),
    ).write(path.parent)


def label_checkpoint(directory: Path, source: Mapping[str, str], name: str | None = None) -> None:
    """Write chat_template.jinja and manifest.json into a directory of safetensors.

    Raises ArtifactError.
    """
    checkpoint = Checkpoint.read(directory)
    _write_chat_template(directory, checkpoint.chat_template)
    Manifest(
        name=name or directory.resolve().name,
        source=source,
        licence=checkpoint.licence,
        format="safetensors",
        quantization=checkpoint.quantization,
        context_size=checkpoint.context_size,
        parameters=checkpoint.parameters,
        eos_token_ids=checkpoint.eos_token_ids,
        special_tokens=checkpoint.special_tokens,
        weights=checkpoint.weights,
        tools=tool_versions("tokenizers"),
    ).write(directory)


def _write_chat_template(directory: Path, template: str | None) -> None:
    if template and not (directory / CHAT_TEMPLATE).exists():
        write_text(directory / CHAT_TEMPLATE, template)
