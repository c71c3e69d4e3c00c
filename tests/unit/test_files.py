"""Uploads as a stream, and the bytes of a range."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.files.content import span
from api.files.problems import FileTooLarge, RangeNotSatisfiable
from api.files.store import LocalFiles
from api.files.upload import Upload, receive
from api.problems import BadRequest, Problem, UnsupportedMediaType

BOUNDARY = "xyz"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def form(*parts: tuple[str, bytes], end: bool = True) -> bytes:
    body = b""
    for disposition, content in parts:
        body += f"--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode()
        body += content + b"\r\n"
    return body + (f"--{BOUNDARY}--\r\n".encode() if end else b"")


def upload(
    tmp_path: Path, body: bytes, *, kind: str = FORM, limit: int = 10**6, piece: int = 7
) -> Upload:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), piece):
            yield body[start : start + piece]

    return asyncio.run(receive(kind, pieces(), LocalFiles(tmp_path), "file", limit))


FILE, PURPOSE = 'name="file"; filename="in.jsonl"', 'name="purpose"'


@pytest.mark.parametrize("piece", [1, 7, 64, 10**6])
def test_a_form_may_come_in_any_pieces_and_any_order(tmp_path: Path, piece: int) -> None:
    content = b"one\r\n--xy\r\n\x00two"
    body = form((FILE, content), (PURPOSE, b"batch"))

    came = upload(tmp_path, body, piece=piece)

    assert (came.filename, came.fields, came.size) == (
        "in.jsonl",
        {"purpose": "batch"},
        len(content),
    )
    assert (tmp_path / "file").read_bytes() == content


@pytest.mark.parametrize(
    ("body", "kind", "problem"),
    [
        (b"{}", "application/json", UnsupportedMediaType),
        (b"", "", UnsupportedMediaType),
        (b"", "multipart/form-data", UnsupportedMediaType),
        (b"", FORM, BadRequest),
        (b"nothing of the kind", FORM, BadRequest),
        (form((FILE, b"abc"), end=False), FORM, BadRequest),
        (form((FILE, b"abc"), (FILE, b"abc")), FORM, BadRequest),
        (form((PURPOSE, b"x" * 2000)), FORM, BadRequest),
        (form((FILE, b"x" * 101)), FORM, FileTooLarge),
    ],
)
def test_a_form_that_is_none_is_refused(
    tmp_path: Path, body: bytes, kind: str, problem: type[Problem]
) -> None:
    with pytest.raises(problem):
        upload(tmp_path, body, kind=kind, limit=100)


def test_a_file_as_large_as_allowed_is_taken(tmp_path: Path) -> None:
    assert upload(tmp_path, form((FILE, b"x" * 100)), limit=100).size == 100


def test_a_repeated_write_changes_nothing(tmp_path: Path) -> None:
    # Given a gateway that wrote two results and was killed before it could say so
    store = LocalFiles(tmp_path)
    asyncio.run(store.write("out", 0, b"one\n"))
    asyncio.run(store.write("out", 4, b"two\nthree\n"))
    # When the next one writes the second again, at the place that Redis knows
    asyncio.run(store.write("out", 4, b"two\n"))
    asyncio.run(store.write("out", 8, b"three\n"))
    # Then the file holds each once
    assert (tmp_path / "out").read_bytes() == b"one\ntwo\nthree\n"


def test_files_can_be_read_by_nobody_else(tmp_path: Path) -> None:
    asyncio.run(LocalFiles(tmp_path / "files").write("out", 0, b"x"))

    assert (tmp_path / "files").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "files" / "out").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-3", (0, 4)),
        ("bytes=8-", (8, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-30", (0, 10)),
        ("bytes=5-99", (5, 10)),
        ("bytes=0-1,3-4", None),
        ("lines=1-2", None),
        ("bytes=-", None),
    ],
)
def test_one_range_is_cut_out_of_a_file(header: str | None, expected: object) -> None:
    assert span(header, 10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=5-4", "bytes=-0"])
def test_a_range_beyond_the_file_is_refused_with_its_size(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        span(header, 10)
    assert (caught.value.headers or {})["Content-Range"] == "bytes */10"


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_no_body_whatever_gets_past_the_parser_as_a_crash(
    tmp_path_factory: pytest.TempPathFactory, body: bytes
) -> None:
    with pytest.raises(Problem):
        upload(tmp_path_factory.getbasetemp(), body)
