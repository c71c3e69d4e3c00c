"""Input files line by line, and what is found wrong with them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from api.batches.lines import Ask, LineFault, parse_line, read_lines
from api.batches.validation import SHOWN_ERRORS, Findings, validate
from api.files.store import PIECE, LocalFiles

URL = "/v1/chat/completions"


def line(**changes: Any) -> bytes:
    whole = {"custom_id": "a", "method": "POST", "url": URL, "body": {}}
    return json.dumps({**whole, **changes}).encode()


@pytest.mark.parametrize(
    ("text", "code", "param"),
    [
        (b"{", "invalid_json_line", None),
        (b"\xff\xfe", "invalid_json_line", None),
        (b"[" * 100_000, "invalid_json_line", None),
        (b"[]", "invalid_json_line", None),
        (line(custom_id=None), "missing_required_parameter", "custom_id"),
        (line(custom_id=""), "missing_required_parameter", "custom_id"),
        (line(custom_id="x" * 513), "missing_required_parameter", "custom_id"),
        (line(method="GET"), "invalid_method", "method"),
        (line(url="/v1/completions"), "mismatched_url", "url"),
        (line(body="hi"), "missing_required_parameter", "body"),
    ],
)
def test_a_line_that_is_none_says_why(text: bytes, code: str, param: str | None) -> None:
    with pytest.raises(LineFault) as caught:
        parse_line(text, URL)
    assert (caught.value.code, caught.value.param) == (code, param)


def test_a_line_asks_for_its_body_under_its_custom_id() -> None:
    assert parse_line(line(custom_id="x", body={"a": 1}), URL) == Ask("x", {"a": 1})


def stored(tmp_path: Path, content: bytes) -> LocalFiles:
    store = LocalFiles(tmp_path)
    asyncio.run(store.write("file", 0, content))
    return store


def read(store: LocalFiles, start: int = 0, stop: int = 10**9, longest: int = 10**6) -> Any:
    async def collect() -> list[tuple[bytes, int, int]]:
        lines = read_lines(store, "file", start, stop, longest)
        return [(one.text, one.number, one.end) async for one in lines]

    return asyncio.run(collect())


def test_every_line_says_where_the_next_one_begins(tmp_path: Path) -> None:
    # Given lines, two of them blank, the last without an end
    store = stored(tmp_path, b"one\n\n  \r\ntwo\r\nthree")
    # When they are read, from the start and from where the first one ended
    lines = read(store)
    # Then each end is the place to go on from
    assert lines == [(b"one", 1, 4), (b"two\r", 4, 14), (b"three", 5, 19)]
    assert [text for text, _, _ in read(store, start=4)] == [b"two\r", b"three"]


def test_lines_may_be_longer_than_a_piece_of_the_file(tmp_path: Path) -> None:
    content = b"a" * (PIECE - 1) + b"\n" + b"b" * (2 * PIECE) + b"\nc\n"

    assert [len(text) for text, _, _ in read(stored(tmp_path, content))] == [
        PIECE - 1,
        2 * PIECE,
        1,
    ]


def test_a_line_without_end_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    with pytest.raises(LineFault, match="over 1000 bytes"):
        read(stored(tmp_path, b"a" * (4 * PIECE)), longest=1000)


def findings(tmp_path: Path, content: bytes, max_lines: int = 100) -> Findings:
    store = stored(tmp_path, content)
    return asyncio.run(validate(store, "file", len(content), URL, max_lines, 10**6))


def test_each_fault_is_told_with_its_line(tmp_path: Path) -> None:
    # Given a file with two good lines, one that is no JSON and one custom_id too many
    content = b"\n".join([line(custom_id="a"), b"", b"{", line(custom_id="b"), line(custom_id="a")])
    # Then both faults name their line
    found = findings(tmp_path, content)
    assert [(error["code"], error["line"]) for error in found.errors] == [
        ("invalid_json_line", 3),
        ("duplicate_custom_id", 5),
    ]


@pytest.mark.parametrize(("content", "code"), [(b"", "empty_file"), (b"\n \n", "empty_file")])
def test_a_file_without_lines_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    assert [error["code"] for error in findings(tmp_path, content).errors] == [code]


def test_a_file_with_too_many_lines_is_refused(tmp_path: Path) -> None:
    content = b"\n".join(line(custom_id=str(number)) for number in range(101))

    assert findings(tmp_path, content, max_lines=101).errors == []
    assert findings(tmp_path, content).errors[-1]["code"] == "too_many_lines"


def test_a_file_of_nothing_but_faults_is_not_repeated_to_its_owner(tmp_path: Path) -> None:
    assert len(findings(tmp_path, b"{\n" * 1000, max_lines=5000).errors) == SHOWN_ERRORS
