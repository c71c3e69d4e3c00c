"""docs/cli.md says what the command line does."""

import re

from cli.client.settings import ClientSettings
from cli.exits import ExitCode
from tests.support.cli_page import PAGE, page

TEXT = PAGE.read_text()
PROSE = TEXT.partition("<!-- verbs -->")[0]


def test_the_tables_of_verbs_are_those_of_the_command_line() -> None:
    # `python -m tests.support.cli_page` writes them
    assert page() == TEXT


def test_every_exit_status_is_explained() -> None:
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)} == set(ExitCode)


def test_every_variable_of_the_client_is_explained() -> None:
    named = set(re.findall(r"^\| `([A-Z_]+)` \|", PROSE, re.MULTILINE))

    assert named == {name.upper() for name in ClientSettings.model_fields} - {"API_PORT"}
