"""The context of an explanation, as it is typed."""

import json
from collections.abc import Sequence
from typing import Any

from cli.faults import Misused


def facts(given: Sequence[str]) -> dict[str, Any]:
    """``iv_rank=65 greeks.delta=0.42`` as ``{"iv_rank": 65, "greeks": {"delta": 0.42}}``.

    A value that is JSON is taken as such, any other as text. Raises Misused.
    """
    found: dict[str, Any] = {}
    for text in given:
        path, equals, value = text.partition("=")
        *parents, name = path.split(".")
        if not equals or not all((*parents, name)):
            raise Misused(f"{text}: a fact is written NAME=VALUE, such as iv_rank=65.")
        place = found
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise Misused(f"{text}: {parent} has a value of its own already.")
        place[name] = _value(value)
    return found


def context_of(text: str) -> dict[str, Any]:
    """A context that is given as JSON. Raises Misused."""
    try:
        context = json.loads(text)
    except ValueError as error:
        raise Misused(f"The context is no JSON: {error}.") from error
    if not isinstance(context, dict):
        raise Misused('The context is a JSON object, such as {"symbol": "AAPL"}.')
    return context


def _value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=lambda _: text)
    except ValueError:
        return text
