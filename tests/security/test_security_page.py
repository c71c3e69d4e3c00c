"""docs/security.md names what is there."""

import re
from pathlib import Path

from cli.store_users import TEMPLATE, users_of
from tests.support.routes import OPERATIONS, is_admins

PAGE = Path(__file__).parents[2] / "docs" / "security.md"


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"\((\.\./tests/[\w/]+\.py)\)", PAGE.read_text())

    assert len(named) >= 18
    assert [path for path in named if not (PAGE.parent / path).exists()] == []


def test_every_owasp_point_has_its_file_and_every_file_stands_on_the_page() -> None:
    files = {path.name for path in Path(__file__).parent.glob("test_*.py")} - {Path(__file__).name}
    page = PAGE.read_text()

    assert {name for name in files if name not in page} == set()
    points = {re.search(r"api(\d+)_", name)[1] for name in files if "owasp_api" in name}  # type: ignore[index]
    assert points == {str(number) for number in range(1, 11)}


def test_every_user_of_the_store_is_described() -> None:
    users = [line.split()[1] for line in users_of(TEMPLATE.read_text())]
    described = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE)

    assert described == users[1:]


def test_the_numbers_of_the_page_are_right() -> None:
    page = PAGE.read_text()
    with_ids = [one for one in OPERATIONS if "{" in one.path and not is_admins(one)]
    counted = re.search(r"each of (\d+) routes with an id", page)

    assert counted
    assert int(counted[1]) == len([one for one in with_ids if "model" not in one.path])
