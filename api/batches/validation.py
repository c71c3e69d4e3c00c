"""The look at a whole input file before its first line runs."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from api.batches.lines import Line, LineFault, parse_line, read_lines
from api.files.store import FileStore

#: Lines looked at before others get a turn.
PIECE = 50
#: Rest after a piece, as a multiple of the time that it took: requests come first.
REST = 3.0
#: Errors shown at most.
SHOWN_ERRORS = 100


@dataclass(slots=True)
class Findings:
    """How many lines there are, and what is wrong with the file."""

    lines: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)

    def note(self, fault: LineFault, line: int | None) -> None:
        """Remember one fault, unless there are too many."""
        if len(self.errors) < SHOWN_ERRORS:
            self.errors.append(
                {"code": fault.code, "message": str(fault), "param": fault.param, "line": line}
            )


async def validate(
    store: FileStore, file_id: str, size: int, endpoint: str, max_lines: int, longest: int
) -> Findings:
    """Every line is JSON, asks the endpoint, and has a custom_id of its own. Raises OSError.

    Bodies are not looked into: one that is wrong fails alone, when its turn comes.
    """
    findings, seen = Findings(), set[int]()
    piece: list[Line] = []
    try:
        async for line in read_lines(store, file_id, 0, size, longest):
            piece.append(line)
            if len(piece) == PIECE:
                await _look(piece, endpoint, seen, findings)
                piece = []
            if findings.lines > max_lines:
                break
        await _look(piece, endpoint, seen, findings)
    except LineFault as fault:
        findings.note(fault, None)
    if findings.lines > max_lines:
        findings.note(LineFault("too_many_lines", f"A batch has {max_lines} lines at most."), None)
    elif not findings.lines and not findings.errors:
        findings.note(LineFault("empty_file", "The file has no line."), None)
    return findings


async def _look(piece: list[Line], endpoint: str, seen: set[int], findings: Findings) -> None:
    began = time.perf_counter()
    for line in piece:
        findings.lines += 1
        try:
            custom_id = parse_line(line.text, endpoint).custom_id
            _note_custom_id(custom_id, seen)
        except LineFault as fault:
            findings.note(fault, line.number)
    await asyncio.sleep(REST * (time.perf_counter() - began))


def _note_custom_id(custom_id: str, seen: set[int]) -> None:
    """Hashes are kept, not names, of which there may be many megabytes. Raises LineFault."""
    if hash(custom_id) in seen:
        raise LineFault("duplicate_custom_id", "Another line has this custom_id.", "custom_id")
    seen.add(hash(custom_id))
