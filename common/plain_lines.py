"""Log lines for people: one line a record, and nobody but us begins a new one."""

import json
import re
from collections.abc import MutableMapping
from typing import Any

#: A value that needs no quotes.
_BARE = re.compile(r"[\w.:/+@-]{1,200}", re.ASCII)
_LEADING = ("ts", "level", "service", "event")


def plain_line(event: MutableMapping[str, Any]) -> str:
    """``time LEVEL service event name=value ...``; a traceback follows, each line marked.

    Values with spaces, quotes or control characters are written as JSON strings in ASCII, so
    no user can forge a line or send a terminal a command.
    """
    trace = event.pop("exception", None)
    time, level, service, said = (str(event.pop(name, "")) for name in _LEADING)
    pairs = " ".join(f"{name}={_value(value)}" for name, value in event.items())
    line = f"{time[:23]} {level.upper():7} {service} {_said(said)} {pairs}".rstrip()
    if trace is None:
        return line
    marked = (f"  | {_said(part)}" for part in str(trace).splitlines())
    return "\n".join((line, *marked))


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if _BARE.fullmatch(text) else json.dumps(text)


def _said(text: str) -> str:
    """A sentence of ours, less what could be taken for the end of a line."""
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)
