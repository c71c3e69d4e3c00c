"""The commands and programs of a Markdown page, ready to run.

Blocks labelled sh, bash, console and python run, except where a comment ``# needs ...`` or
``# takes ...`` says to the reader why not: on a line of its own for the rest of the block, at
the end of a command for that command. In a console block the commands stand after ``$``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SHELL = ("sh", "bash", "console")
PYTHON = ("python",)

_FENCE = re.compile(r"^\s*```\s*([\w+-]*)")
_EXCUSED = re.compile(r"(?:^|\s)# (?:needs|takes) \S")
_ANSWERS = re.compile(r"^\s*# answers (\d{3})\b")
_COMMAND = re.compile(
    r"^(?:\$ )?(?:make [a-z]|curl -|caravan [a-z]|kubectl [a-z]|helm [a-z]|docker [a-z]|"
    r"(?:\.venv/bin/)?python3? -|pip install)"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a block, and whether it is to run; numbers count from 1."""

    number: int
    text: str
    runs: bool = True


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between two fences; ``number`` is the line of the first."""

    label: str
    number: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A page, by its path from the repository's root."""

    path: Path
    blocks: tuple[Block, ...]

    @classmethod
    def read(cls, root: Path, path: Path) -> "Page":
        """The page at ``path``, relative to ``root``."""
        return cls(path, tuple(_blocks((root / path).read_text().splitlines())))

    def script(self, *labels: str, everything: bool = False) -> str:
        """All lines of these blocks that run, each on the line where the page has it."""
        placed: dict[int, str] = {}
        for block in self.blocks:
            if block.label in labels:
                placed.update(
                    {one.number: one.text for one in block.lines if one.runs or everything}
                )
                if block.label in SHELL:
                    placed[block.number] = "answers ''"
        return "\n".join(placed.get(number, "") for number in range(1, max(placed, default=0) + 1))

    def has(self, *labels: str) -> bool:
        """Whether anything of these labels is to run."""
        return any(
            line.runs and line.text.strip() and not line.text.lstrip().startswith("#")
            for block in self.blocks
            if block.label in labels
            for line in block.lines
        )

    def unlabelled_commands(self) -> list[str]:
        """``page:line`` of each command in a block that nothing would run."""
        return [
            f"{self.path}:{line.number}: {line.text}"
            for block in self.blocks
            if block.label in ("", "text", "shell", "shell-session", "zsh")
            for line in block.lines
            if _COMMAND.match(line.text)
        ]


def _blocks(lines: list[str]) -> Iterator[Block]:
    label, start, inside = "", 0, list[str]()
    for number, text in enumerate(lines, start=1):
        fence = _FENCE.match(text)
        if fence and not start:
            label, start, inside = fence[1], number, []
        elif fence:
            yield Block(label, start, tuple(_lines(label, start, inside)))
            start = 0
        elif start:
            inside.append(text)


def _lines(label: str, start: int, texts: list[str]) -> Iterator[Line]:
    """The lines of one block, judged."""
    commands = [_command(label, text) for text in texts]
    runs = [command is not None for command in commands]
    for index, text in enumerate(texts):
        if not _EXCUSED.search(text):
            continue
        if text.lstrip().removeprefix("$ ").startswith("#"):
            runs[index:] = [False] * (len(texts) - index)
            break
        first = index
        while first and texts[first - 1].endswith("\\"):
            first -= 1
        runs[first : index + 1] = [False] * (index + 1 - first)
    for offset, (command, run) in enumerate(zip(commands, runs, strict=True), start=1):
        yield Line(start + offset, command or "", run)


def _command(label: str, text: str) -> str | None:
    """What the shell or Python is to read; None for the output of a console."""
    expected = _ANSWERS.match(text)
    if expected and label in SHELL:
        return f"answers {expected[1]}"
    if label != "console":
        return text
    return text.lstrip()[2:] if text.lstrip()[:2] in ("$ ", "> ") else None
