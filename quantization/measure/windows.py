"""A text as the windows of tokens that are scored."""

import json
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from common.artifact import Artifact, ArtifactError

DEFAULT_TEXT = "evaluation.txt"


@dataclass(frozen=True, slots=True)
class Windows:
    """``ids`` are disjoint pieces of one tokenization, all of the same length."""

    ids: list[list[int]]
    text_name: str
    text_sha256: str
    text_tokens: int

    @property
    def tokens_scored(self) -> int:
        """All but the first of each window: nothing predicts that."""
        return sum(len(window) - 1 for window in self.ids)


def cut(artifact: Artifact, text_path: Path | None, window: int) -> Windows:
    """Tokenize as GPTQ and AWQ do: once, with what the tokenizer adds, the rest left over.

    A text shorter than a window is one window. Raises ArtifactError.
    """
    from tokenizers import Tokenizer

    text = read_text(text_path)
    tokenizer = Tokenizer.from_file(str(artifact.tokenizer_path))
    tokenizer.no_truncation()
    ids = tokenizer.encode(text).ids
    window = min(window, artifact.context_size, len(ids))
    if window < 2:  # noqa: PLR2004 - one token predicts nothing
        raise ArtifactError(f"{text_path} has {len(ids)} tokens: there is nothing to score")
    starts = range(0, len(ids) - window + 1, window)
    return Windows(
        [ids[start : start + window] for start in starts],
        text_path.name if text_path else DEFAULT_TEXT,
        sha256(text.encode()).hexdigest(),
        len(ids),
    )


def read_text(path: Path | None) -> str:
    """The text to score: the shipped one, a file, or the "text" of a .jsonl's rows.

    Rows are joined by empty lines, as GPTQ joins those of WikiText-2. Raises ArtifactError.
    """
    if path is None:
        return files("quantization").joinpath("data", DEFAULT_TEXT).read_text("utf-8")
    try:
        text = path.read_text("utf-8")
        if path.suffix == ".jsonl":
            return "\n\n".join(json.loads(line)["text"] for line in text.splitlines() if line)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"cannot read {path}: {error!r}") from error
    return text
