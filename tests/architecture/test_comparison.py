"""What the comparison claims of us is what tests prove."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (DOCS / "comparison.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| |")
]


def test_every_row_is_whole_and_in_the_same_words() -> None:
    assert len(ROWS) > 25
    for row in ROWS:
        assert len(row) == 10, row[0]
        for cell in row[1:9]:
            assert re.match(r"(Y|P|N|n/a|not verified|not public)\b", cell), (row[0], cell)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_every_claim_of_ours_names_tests_that_are_there(row: list[str]) -> None:
    named = re.findall(r"\[([^]]+)\]\(([^)]+)\)", row[9])

    assert named
    for sentence, path in named:
        source = (DOCS / path).resolve().read_text()
        assert f"def test_{sentence.replace(' ', '_')}(" in source, sentence


def test_a_claim_that_is_not_whole_says_what_is_missing() -> None:
    for row in ROWS:
        if row[8] != "Y":
            assert len(row[8]) > len("P "), row[0]
