"""The grammar of a JSON Schema: the same for the gateway that checks it and the engines."""

from functools import cache
from typing import Any

#: One line, spaced as models write it: free whitespace lets a small model write nothing else.
_STYLE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


def json_grammar(schema: str) -> str:
    """The grammar of ``schema``, which is JSON. Raises ValueError if it is no JSON object."""
    grammar: str = _matcher().grammar_from_json_schema(schema, overrides=_STYLE)
    return grammar


def check_schema(schema: str) -> None:
    """Raises ValueError with the reason why no answer can be held to ``schema``."""
    failed, messages = _matcher().validate_grammar_with_warnings(json_grammar(schema))
    if failed:
        raise ValueError(reason(str(messages[0])))


def reason(text: str) -> str:
    """What llguidance says, in one line, without its inner state."""
    said = text.strip().partition("<state>")[0]
    return " ".join(said.split())[:300]


@cache
def _matcher() -> Any:
    from llguidance import LLMatcher

    return LLMatcher
