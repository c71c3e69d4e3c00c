"""The tables of docs/cli.md, made from the command line itself.

``python -m tests.support.cli_page`` writes them; a test compares.
"""

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin

import typer

from cli.app import create_app
from cli.options import Handling, Showing, Writing
from tests.support.stack import ROOT

PAGE = ROOT / "docs" / "cli.md"
#: Of generate, and of explain too.
_SHARED = {field.name for kind in (Writing, Handling, Showing) for field in fields(kind)}
_TABLES = re.compile(r"(?<=<!-- verbs -->\n).*?(?=<!-- end of verbs -->)", re.DOTALL)


def page() -> str:
    """The page as it should be."""
    return _TABLES.sub(lambda _: "\n".join(_lines()) + "\n", PAGE.read_text())


def _lines() -> Iterator[str]:
    group: Any = typer.main.get_command(create_app())
    for name, command in group.commands.items():
        if not command.hidden:
            yield f"\n### caravan {name}\n"
            yield from _verb(name, command)
    yield ""


def _verb(name: str, command: Any) -> Iterator[str]:
    said, _, examples = command.help.partition("Examples:")
    yield " ".join(said.split())
    commands = [line.strip() for line in examples.splitlines() if line.strip()]
    if commands:
        yield "\n```console"
        yield from (f"$ {line}" for line in commands)
        yield "```"
    shared = name == "explain"
    rows = [_row(one) for one in command.params if not (shared and one.name in _SHARED)]
    if rows:
        yield "\n| | |\n|---|---|"
        yield from rows
    if shared:
        yield "\nAnd the options of `caravan generate`."


def _row(parameter: Any) -> str:
    names = ", ".join(f"`{name}`" for name in parameter.opts)
    if parameter.param_type_name == "argument":
        names = f"`{parameter.metavar or parameter.name.upper()}`"
    elif not parameter.is_flag:
        names += f" {_kind(parameter)}"
    default = parameter.default
    shown = "" if default in (None, False, 0.0) else f" Default {default}."
    return f"| {names} | {parameter.help or ''}{shown} |"


def _kind(parameter: Any) -> str:
    """What stands after an option."""
    annotation = parameter.type_descriptor.annotation
    choices = ", ".join(map(str, get_args(annotation))) if get_origin(annotation) is Literal else ""
    return choices or parameter.metavar or {int: "N", float: "X"}.get(annotation, "TEXT")


if __name__ == "__main__":
    PAGE.write_text(page())
