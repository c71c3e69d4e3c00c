"""How deep a JSON text is, without a parser."""

import json
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.nesting import deeper_than, more_values_than, openings

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


def reached(text: bytes) -> int:
    """How many levels are open at most while a parser reads, brackets of any kind."""
    level = deepest = 0
    for byte in re.sub(rb'"(?:[^"\\\\]|\\\\.)*"?', b"", text, flags=re.DOTALL):
        level += {91: 1, 123: 1, 93: -1, 125: -1}.get(byte, 0)
        if level < 0:
            break  # a parser gives up
        deepest = max(deepest, level)
    return deepest


@given(JSON, st.integers(0, 4), st.booleans(), st.sampled_from([None, 2]))
def test_it_is_the_parsers_depth(
    value: Any, levels: int, ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()

    assert deeper_than(levels, text) == (parsed_depth(value) > levels)
    assert openings(text) >= parsed_depth(value)


def entries(value: Any) -> int:
    """Commas between the entries of arrays and objects."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max(0, len(inner) - 1) + sum(map(entries, inner))


@given(JSON, st.integers(0, 4))
def test_entries_are_counted_outside_of_strings(value: Any, most: int) -> None:
    text = json.dumps(value, ensure_ascii=False).encode()

    assert more_values_than(most, text) == (entries(value) > most)


@given(st.text("[]{},:1").map(str.encode), st.integers(0, 4))
def test_no_parser_gets_deeper_in_what_is_no_json(text: bytes, levels: int) -> None:
    assert deeper_than(levels, text) or reached(text) <= levels


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
    began = time.thread_time()
    deeper_than(64, text)

    assert time.thread_time() - began < 1.0
