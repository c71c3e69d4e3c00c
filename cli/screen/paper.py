"""Text that comes in pieces, as rows of a terminal."""

import re

from rich.cells import cell_len, set_cell_size

#: What a terminal would obey instead of showing: a model's text must not move the cursor.
_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def harmless(text: str) -> str:
    """The text without control characters, line feeds and tabs excepted."""
    return _COMMANDS.sub("", text)


class Paper:
    """Breaks text at words into rows of ``width`` cells.

    ``open_row`` is the one that may still grow.
    """

    def __init__(self, width: int) -> None:
        self._width = max(8, width)
        self.open_row = ""

    def write(self, piece: str) -> list[str]:
        """Add a piece; the rows that are full by now."""
        *lines, last = (self.open_row + harmless(piece).expandtabs(4)).split("\n")
        full = [row for line in lines for row in self._rows(line)]
        *more, self.open_row = self._rows(last)
        return full + more

    def _rows(self, line: str) -> list[str]:
        """At least one row."""
        rows = []
        while cell_len(line) > self._width:
            head = set_cell_size(line, self._width)
            cut = head.rfind(" ") + 1
            taken = cut or len(head.rstrip()) or 1
            rows.append(line[:taken].rstrip())
            line = line[taken:].lstrip(" ") if cut else line[taken:]
        return [*rows, line]
