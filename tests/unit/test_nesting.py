"""How deep a JSON text is, without a parser."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.nesting import depth, openings

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def parsed_depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(parsed_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(parsed_depth, value), default=0)
    return 0


@given(JSON, st.booleans(), st.sampled_from([None, 2]))
def test_it_is_the_parsers_depth(value: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()

    assert depth(text) == parsed_depth(value)
    assert openings(text) >= depth(text)


@given(st.binary())
def test_any_bytes_have_a_depth(text: bytes) -> None:
    assert 0 <= depth(text) <= openings(text)


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 1_000_000,
        b"[]," * 333_333,
        b'{"a":' * 166_666,
        b'{"a":"' + b'\\"[' * 330_000,
        b'"' * 1_000_000,
        b"\\" * 1_000_000,
    ],
    ids=["open", "shut", "objects", "escapes", "quotes", "backslashes"],
)
def test_the_worst_megabyte_takes_a_moment(text: bytes) -> None:
    began = time.perf_counter()
    depth(text)

    assert time.perf_counter() - began < 1.0
