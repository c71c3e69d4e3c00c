"""What pydantic found wrong, said with the field, its limit and the value."""

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from api.context import ExplainRequest
from api.schemas import LIMITS, GenerateRequest, LoginRequest, OutOfLimits

_MODELS: tuple[type[BaseModel], ...] = (GenerateRequest, ExplainRequest, LoginRequest)
_KNOWN = sorted({name for model in _MODELS for name in model.model_fields})
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


def field_errors(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """``{field, limit, value, message}`` for each of FastAPI's first errors.

    Their ``loc`` begins with the part of the request: body, query, header or path.
    """
    return [_field_error(error) for error in errors[:_SHOWN_ERRORS]]


def _field_error(error: Mapping[str, Any]) -> dict[str, Any]:
    path = [str(part) for part in error["loc"][1:]]
    if error["type"] == "extra_forbidden":
        return _unknown(path, error["input"])
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
    said = [words.format(context[name]) for name, words in _BOUNDS.items() if name in context]
    return " and ".join(said) or error["type"]


def _shown(field: str, limit: str, value: Any, message: str) -> dict[str, Any]:
    hidden = not _SECRET.isdisjoint(field.split("."))
    return {
        "field": _shortened(field) or '""',
        "limit": limit,
        "value": None if hidden else _shortened(value),
        "message": message,
    }


def _shortened(value: Any) -> Any:
    """Short values as they are, long ones as the beginning of their JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if len(text) <= _SHOWN_CHARACTERS:
        return value if value is None or isinstance(value, (str, int, float, bool)) else text
    return f"{text[:_SHOWN_CHARACTERS]}… ({len(text)} characters)"


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
