"""The lines of an input file: where each begins, and what it asks for."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from api.files.store import FileStore
from api.nesting import deeper_than, openings

#: Characters of a custom_id at most.
LONGEST_CUSTOM_ID = 512
#: Levels of arrays and objects in a line.
DEEPEST = 64


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not blank; ``number`` counts all of them from 1."""

    text: bytes
    number: int
    end: int  #: bytes of the file up to and with it


@dataclass(frozen=True, slots=True)
class Ask:
    """What one line asks for."""

    custom_id: str
    body: dict[str, Any]


class LineFault(ValueError):
    """A line that makes the whole file unusable."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code, self.param = code, param


async def read_lines(
    store: FileStore, file_id: str, start: int, stop: int, longest: int
) -> AsyncIterator[Line]:
    """The lines from byte ``start`` on. Raises LineFault at one over ``longest`` bytes."""
    rest, number, position = b"", 0, start
    async for piece in store.read(file_id, start, stop):
        *whole, rest = (rest + piece).split(b"\n")
        for text in whole:
            number, position = number + 1, position + len(text) + 1
            if text.strip():
                yield Line(text, number, position)
        if len(rest) > longest:
            raise LineFault("line_too_long", f"Line {number + 1} is over {longest} bytes.")
    if rest.strip():
        yield Line(rest, number + 1, position + len(rest))


def parse_line(text: bytes, endpoint: str) -> Ask:
    """``{custom_id, method, url, body}``. Raises LineFault."""
    if openings(text) > DEEPEST and deeper_than(DEEPEST, text):
        raise LineFault("invalid_json_line", f"This line is nested deeper than {DEEPEST} levels.")
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LineFault("invalid_json_line", f"This line is not JSON: {error}.") from error
    if not isinstance(raw, dict):
        raise LineFault("invalid_json_line", "This line is not a JSON object.")
    custom_id = raw.get("custom_id")
    if not isinstance(custom_id, str) or not 0 < len(custom_id) <= LONGEST_CUSTOM_ID:
        raise LineFault(
            *("missing_required_parameter", "custom_id must be a string of 1 to 512 characters."),
            "custom_id",
        )
    if raw.get("method") != "POST":
        raise LineFault("invalid_method", "method must be POST.", "method")
    if raw.get("url") != endpoint:
        raise LineFault("mismatched_url", f"url must be {endpoint}, as the batch's.", "url")
    if not isinstance(raw.get("body"), dict):
        raise LineFault("missing_required_parameter", "body must be a JSON object.", "body")
    return Ask(custom_id, raw["body"])
