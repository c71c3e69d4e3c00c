"""A script has what it builds on of the shared pieces, and no other: each call pays for all."""

import re
from importlib.resources import files

import pytest

from common.scripts import NAMES, SHARED, load_scripts

FUNCTION = re.compile(r"^local function (\w+)", re.MULTILINE)
COMMENT = re.compile(r"--.*")


def shared_functions() -> set[str]:
    folder = files("common") / "lua" / "shared"
    return {
        name for piece in SHARED for name in FUNCTION.findall((folder / f"{piece}.lua").read_text())
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_script_defines_every_shared_function_that_it_calls(name: str) -> None:
    # Given a script as it is sent to the server
    text = COMMENT.sub("", load_scripts()[name].text)
    # Then whatever it calls stands before the call
    for function in shared_functions():
        call = re.search(rf"(?<![\w.:]){function}\(", text)
        definition = re.search(rf"^local function {function}\(", text, re.MULTILINE)
        if call:
            assert definition, function
            assert definition.start() <= call.start(), function


def test_a_simple_script_carries_nothing_that_it_does_not_need() -> None:
    scripts = load_scripts()
    assert "local function settle(" in scripts["finish"].text
    assert "local function settle(" not in scripts["append"].text
    assert "local function job_bell(" not in scripts["beat"].text
