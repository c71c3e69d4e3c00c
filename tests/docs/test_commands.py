"""Every command and program of README, CONTRIBUTING, docs and examples does what it says.

The convention stands in tests/support/pages.py, and for writers in CONTRIBUTING.md.
"""

import re
import subprocess

import pytest

from cli.app import create_app
from tests.support.live import Reader
from tests.support.pages import PYTHON, SHELL, Page
from tests.support.stack import ROOT

PATHS = sorted(
    path.relative_to(ROOT)
    for pattern in ("README.md", "CONTRIBUTING.md", "docs/**/*.md", "examples/README.md")
    for path in ROOT.glob(pattern)
)
PAGES = [Page.read(ROOT, path) for path in PATHS]


def ids(page: Page) -> str:
    return str(page.path)


@pytest.mark.parametrize("page", [page for page in PAGES if page.has(*SHELL)], ids=ids)
def test_the_shell_commands_of_a_page_work(page: Page, reader: Reader) -> None:
    reader.try_shell(page)


@pytest.mark.parametrize("page", [page for page in PAGES if page.has(*PYTHON)], ids=ids)
def test_the_python_of_a_page_works(page: Page, reader: Reader) -> None:
    reader.try_python(page)


def test_no_command_hides_in_a_block_that_nobody_runs() -> None:
    assert [place for page in PAGES for place in page.unlabelled_commands()] == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_what_is_not_run_is_at_least_well_formed(page: Page) -> None:
    # Given the lines that need what a test has not, too
    shell = page.script(*SHELL, everything=True)
    # When bash and Python only read them, then neither complains
    read = subprocess.run(["bash", "-n"], input=shell, capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
    compile(page.script(*PYTHON, everything=True), str(page.path), "exec")


def test_every_target_of_make_that_a_page_names_exists() -> None:
    shown = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    known = set(re.findall(r"make ([a-z-]+)", shown))

    for page in PAGES:
        commands = page.script(*SHELL, everything=True)
        named = set(re.findall(r"^\s*make ([a-z-]+)", commands, re.MULTILINE))
        assert named <= known, page.path


def test_every_verb_of_the_command_line_that_a_page_names_exists() -> None:
    known = {command.name for command in create_app().registered_commands}

    for page in PAGES:
        text = (ROOT / page.path).read_text()
        named = set(re.findall(r"(?:^|`|\$ |\| )caravan ([a-z][a-z-]+)", text, re.MULTILINE))
        assert named <= known, page.path
