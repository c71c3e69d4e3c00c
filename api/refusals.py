"""The problems that many routes have in common, so that the description forgets none."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import attrgetter
from typing import Any

from api.guard.problems import PromptRefused
from api.limits import TooManyTokens
from api.problems import (
    MEDIA_TYPE,
    BadRequest,
    BodyTooLarge,
    BudgetExceeded,
    DeadlineUnmeetable,
    Forbidden,
    InvalidJson,
    InvalidRequest,
    KeyReused,
    ModelUnavailable,
    Problem,
    QueueFull,
    RateLimited,
    RedisUnavailable,
    StoreFull,
    TooManyJobs,
    Unauthorized,
    UnsupportedMediaType,
)
from api.v1.problems import InvalidParameter

#: What a submit may be refused with, by whatever route it comes.
SUBMIT_REFUSALS = (
    BudgetExceeded,
    PromptRefused,
    KeyReused,
    RateLimited,
    TooManyJobs,
    TooManyTokens,
    QueueFull,
    DeadlineUnmeetable,
    ModelUnavailable,
    StoreFull,
)

#: They answer whatever else is down.
_PROBES = frozenset({"/health", "/livez", "/readyz"})

_CONSTRAINTS = frozenset({"enum", "maxLength", "maximum", "minLength", "minimum", "pattern"})
_CONTENT = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}


def problems(*kinds: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that may raise these."""
    ordered = sorted(kinds, key=attrgetter("status"))
    return {
        status: {
            "description": "; ".join(_named(kind) for kind in group),
            "content": _CONTENT,
        }
        for status, group in groupby(ordered, key=attrgetter("status"))
    }


def complete(path: str, operation: Mapping[str, Any]) -> None:
    """Add to an operation what it may answer because of what it takes."""
    for kind in _common(path, operation):
        response = operation["responses"].setdefault(str(kind.status), {"description": ""})
        if f"`{kind.code}`" not in response["description"]:
            said = filter(None, (response["description"], _named(kind)))
            response["description"] = "; ".join(said)
        response["content"] = {**response.get("content", {}), **_CONTENT}


def _common(path: str, operation: Mapping[str, Any]) -> Iterator[type[Problem]]:
    invalid = InvalidParameter if path.startswith("/v1/") else InvalidRequest
    if "requestBody" in operation:
        yield from (BadRequest, InvalidJson, BodyTooLarge, UnsupportedMediaType, invalid)
    if "security" in operation:
        yield from (Unauthorized, Forbidden)
    if any(_may_be_wrong(parameter) for parameter in operation.get("parameters", ())):
        yield invalid
    if path not in _PROBES:
        yield RedisUnavailable


def _may_be_wrong(parameter: Mapping[str, Any]) -> bool:
    """Whether its description knows values that it does not take."""
    return parameter["in"] == "query" or not _CONSTRAINTS.isdisjoint(parameter["schema"])


def _named(kind: type[Problem]) -> str:
    return f"`{kind.code}`: {kind.title}"
