"""Where a command writes: answers to stdout, everything about them to stderr."""

import json
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from cli.faults import Fault
from cli.screen.paper import harmless

#: Columns of a table that goes to a file or a pipe: wide, so that no cell is broken.
FILE_WIDTH = 160


class Screen:
    """The two streams of one command; ``as_json`` when programs read them."""

    def __init__(
        self, *, as_json: bool, out: TextIO | None = None, err: TextIO | None = None
    ) -> None:
        self.as_json = as_json
        self.out = _console(out or sys.stdout)
        self.err = _console(err or sys.stderr)
        self._mid_line = False

    @property
    def live(self) -> bool:
        """Whether somebody watches who sees a line change."""
        return not self.as_json and _interactive(self.err)

    @property
    def reads_answers(self) -> bool:
        """Whether stdout is a terminal too."""
        return _interactive(self.out)

    def print(self, renderable: Any) -> None:
        """Show an answer for people."""
        self.out.print(renderable, highlight=False)

    def json(self, body: Any) -> None:
        """One JSON document on one line if it is an event, else spread out."""
        self.raw(json.dumps(body, indent=2, ensure_ascii=False) + "\n")

    def event(self, body: Any) -> None:
        """One line of NDJSON, at once."""
        self.raw(json.dumps(body, ensure_ascii=False, separators=(",", ":")) + "\n")

    def raw(self, text: str) -> None:
        """Exactly this, at once."""
        self.out.file.write(text)
        self.out.file.flush()
        self._mid_line = not text.endswith("\n") if text else self._mid_line

    def end_line(self) -> None:
        """End the line on stdout, if one is begun."""
        if self._mid_line:
            self.raw("\n")

    def tell(self, line: str, style: str = "dim") -> None:
        """A line about what happens; silent for programs."""
        if not self.as_json:
            self.err.print(Text(line, style=style), soft_wrap=True)

    def fault(self, fault: Fault) -> None:
        """Why there is no answer."""
        if self.as_json:
            self.err.file.write(json.dumps(fault.body(), ensure_ascii=False) + "\n")
            return
        for line, style in fault_lines(fault):
            self.err.print(Text(harmless(line), style=style), soft_wrap=True)


def fault_lines(fault: Fault) -> list[tuple[str, str]]:
    """The lines of a fault for people, each with its style."""
    lines = [(f"error: {fault.message}", "bold red")]
    lines += [(f"  {_field(field)}", "") for field in fault.fields]
    if fault.retry_after_seconds is not None:
        lines.append((f"  Try again in {fault.retry_after_seconds:g} s.", ""))
    if fault.hint:
        lines.append((f"  {fault.hint}", ""))
    if fault.code and fault.request_id:
        lines.append((f"  ({fault.code}, request {fault.request_id})", "dim"))
    return lines


def _field(field: Any) -> str:
    value = json.dumps(field.get("value"), ensure_ascii=False)
    shown = value if len(value) <= 60 else f"{value[:57]}..."  # noqa: PLR2004 - of a line
    limit = f", limit: {field['limit']}" if field.get("limit") else ""
    return f"{field.get('field')} = {shown}{limit}"


def _console(file: TextIO) -> Console:
    width = None if file.isatty() else FILE_WIDTH
    return Console(file=file, width=width, highlight=False, markup=False, emoji=False)


def _interactive(console: Console) -> bool:
    """A terminal that can rewrite a line; FORCE_COLOR makes none of a file."""
    return console.file.isatty() and not console.is_dumb_terminal


#: Runs the part of a verb that may be refused.
Work = Callable[[Screen], int]


def on_screen(work: Work, *, as_json: bool) -> int:
    """Run it and show its fault; the exit status."""
    screen = Screen(as_json=as_json)
    try:
        return work(screen)
    except Fault as fault:
        screen.fault(fault)
        return fault.exit_code
    except BrokenPipeError:  # | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
