"""What pydantic found wrong, said with the field, its limit and the value."""

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from api.requests.explain import ExplainRequest
from api.requests.generate import GenerateRequest
from api.requests.login import LoginRequest
from api.requests.webhooks import EndpointRequest
from api.schemas import LIMITS, OutOfLimits

_MODELS: tuple[type[BaseModel], ...] = (
    GenerateRequest,
    ExplainRequest,
    LoginRequest,
    EndpointRequest,
)
_KNOWN = sorted({name for model in _MODELS for name in model.model_fields})
#: How the name of a union's member begins, where pydantic has one in a path.
TAG = "="
_SECRET = frozenset({"password"})
_SHOWN_CHARACTERS = 100
_SHOWN_ERRORS = 20

#: pydantic's name of a bound -> how a limit says it.
_BOUNDS = {
    "ge": "at least {}",
    "gt": "above {}",
    "le": "at most {}",
    "lt": "below {}",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
    "expected": "{}",
}
#: pydantic's name of what a value is not -> what it should be.
_TYPES = {
    "bool_type": "true or false",
    "dict_type": "an object",
    "float_type": "a number",
    "int_type": "an integer",
    "list_type": "a list",
    "model_attributes_type": "an object",
    "model_type": "an object",
    "string_pattern_mismatch": "text of another form",
    "string_type": "text",
}


def field_errors(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """``{field, limit, value, message}`` for each of FastAPI's first errors.

    Their ``loc`` begins with the part of the request: body, query, header or path.
    """
    return [_field_error(error) for error in errors[:_SHOWN_ERRORS]]


def _field_error(error: Mapping[str, Any]) -> dict[str, Any]:
    given = [str(part) for part in error["loc"][1:]]
    path = [part for part in given if not part.startswith(TAG)]
    if error["type"] == "extra_forbidden":
        own = [] if path and path[-1] == given[-1] else given[-1:]  # a name that looks like a tag
        return _unknown(path + own, error["input"])
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, OutOfLimits):
        where = ".".join([*path, cause.path]) if cause.path else ".".join(path)
        return _shown(where, cause.limit, cause.value, str(cause))
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        return _shown(".".join(path) or "body", "required", None, "is missing")
    return _shown(".".join(path) or "body", _limit(path, error), error["input"], _lower(message))


def _unknown(path: list[str], value: Any) -> dict[str, Any]:
    name = path[-1][:_SHOWN_CHARACTERS]
    near = difflib.get_close_matches(name, _KNOWN, 1, cutoff=0.6)
    hint = f"; did you mean {near[0]}?" if near else ""
    return _shown(".".join(path), "known fields", value, f"is not a known field{hint}")


def _limit(path: list[str], error: Mapping[str, Any]) -> str:
    """The limit in the table for a whole field; pydantic's own words for a part of one."""
    names = [part for part in path if not part.isdecimal()]
    if len(path) == len(names) and names and names[-1] in LIMITS:
        return str(LIMITS[names[-1]])
    context = error.get("ctx", {})
    said = [
        words.format(str(context[name]).removesuffix(".0"))
        for name, words in _BOUNDS.items()
        if name in context
    ]
    return " and ".join(said) or _TYPES.get(error["type"], error["type"])


def _shown(field: str, limit: str, value: Any, message: str) -> dict[str, Any]:
    hidden = not _SECRET.isdisjoint(field.split("."))
    return {
        "field": _shortened(field) or '""',
        "limit": limit,
        "value": None if hidden else _shortened(value),
        "message": message,
    }


def _shortened(value: Any) -> Any:
    """Short values as they are, long ones as the beginning of their JSON, very long ones not."""
    if isinstance(value, (list, dict)) and len(value) > _SHOWN_CHARACTERS:
        return f"({len(value)} entries)"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if len(text) <= _SHOWN_CHARACTERS:
        return value if value is None or isinstance(value, (str, int, float, bool)) else text
    return f"{text[:_SHOWN_CHARACTERS]}… ({len(text)} characters)"


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
