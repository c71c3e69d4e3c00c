"""Rows of ``{context, explanation}`` as tokens to learn from."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from common.artifact import ArtifactError
from common.prompt import Prompt
from common.tokenizer import Tokenizer

SAMPLE = "explanations.jsonl"
_FIELDS = {"context", "explanation"}

#: What training leaves out: the labels of the prompt.
IGNORED = -100


@dataclass(frozen=True, slots=True)
class Example:
    """``ids`` of the prompt, the explanation and the end; ``labels`` are IGNORED in the prompt."""

    ids: list[int]
    labels: list[int]


def read_rows(path: Path | None) -> list[dict[str, Any]]:
    """Read a .jsonl, or the sample. Raises ArtifactError, which names the line."""
    if path is None:
        text, name = files("quantization").joinpath("data", SAMPLE).read_text("utf-8"), SAMPLE
    else:
        text, name = path.read_text("utf-8"), str(path)
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ArtifactError(f"{name}, line {number} is no JSON: {error}") from error
        if not isinstance(row, dict) or set(row) != _FIELDS or not row["explanation"]:
            raise ArtifactError(f"{name}, line {number} is no {{context, explanation}}")
        rows.append(row)
    if len(rows) < 2:  # noqa: PLR2004 - one to learn from, one to be asked
        raise ArtifactError(f"{name} has {len(rows)} rows: training needs two at least")
    return rows


def prompts(contexts: Sequence[dict[str, Any]]) -> list[Prompt]:
    """What the gateway asks for each context. Raises ArtifactError, which names the row.

    The gateway is another deployable: it is run, not imported.
    """
    lines = "".join(json.dumps(context) + "\n" for context in contexts)
    command = [sys.executable, "-m", "api.explain"]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ArtifactError(f"the gateway makes no prompts ({last}): install the api extra")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for number, answer in enumerate(answers, 1):
        if "error" in answer:
            raise ArtifactError(f"row {number} has a context that is refused: {answer['error']}")
    return [Prompt.from_dict(answer["prompt"]) for answer in answers]


def examples(rows: Sequence[dict[str, Any]], tokenizer: Tokenizer, longest: int) -> list[Example]:
    """Encode ``rows``, cut to ``longest`` tokens; what is cut off is of the explanation."""
    end = min(tokenizer.eos_token_ids) if tokenizer.eos_token_ids else None
    return [
        _example(tokenizer, prompt, row["explanation"], end, longest)
        for row, prompt in zip(rows, prompts([row["context"] for row in rows]), strict=True)
    ]


def split(rows: Sequence[Example], share: float) -> tuple[list[Example], list[Example]]:
    """To learn from, and to be asked about: every n-th row, at least one of each."""
    every = max(2, round(1 / share))
    asked = [row for number, row in enumerate(rows) if number % every == every - 1]
    learned = [row for number, row in enumerate(rows) if number % every != every - 1]
    return learned, asked or [learned.pop()]


def _example(
    tokenizer: Tokenizer, prompt: Prompt, explanation: str, end: int | None, longest: int
) -> Example:
    question = tokenizer.encode(prompt)
    answer = tokenizer.encode(Prompt(text=explanation))
    answer = answer[: longest - len(question) - 1] + ([] if end is None else [end])
    if len(answer) < 2:  # noqa: PLR2004 - a token and the end
        raise ArtifactError(f"a prompt of {len(question)} tokens leaves no room in {longest}")
    return Example(question + answer, [IGNORED] * len(question) + answer)
