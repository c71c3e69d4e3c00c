"""Facts as a person would write them, each on one line: none can pretend to be another."""

import re
from typing import Any

from api.explain.facts import Facts
from api.explain.units import SUFFIXES, Unit

_ACRONYMS = {
    word.lower(): word
    for word in (
        *("ADX", "ATR", "CPI", "EBITDA", "EMA", "EPS", "ETF", "FCF", "GDP", "IV", "MACD", "PE"),
        *("PEG", "PMI", "PNL", "ROE", "ROI", "RSI", "SMA", "USD", "VaR", "VIX", "VWAP", "YOY"),
        *("YTD", "bps"),
    )
}


def fact_lines(facts: Facts, currency: str) -> str:
    """A line for each fact, in the order in which they came."""
    return "\n".join(
        f"{label(_shown(name, unit))}: {_said(value, unit, currency)}"
        for name, value, unit in facts.given()
    )


def label(key: str) -> str:
    """A field's name as a person would write it: ``iv_rank`` is "IV rank"."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", one_line(key)).replace("-", "_").split("_")
    named = [_ACRONYMS.get(word.lower(), word.lower()) for word in words if word]
    joined = " ".join(named)
    return joined[:1].upper() + joined[1:]


def render(value: Any, currency: str = "USD") -> str:
    """Any JSON on one line."""
    if isinstance(value, list):
        between = "; " if any(isinstance(item, dict | Facts) for item in value) else ", "
        return between.join(render(item, currency) for item in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{_small(key)} {render(item, currency)}" for key, item in value.items())
    if isinstance(value, Facts):
        return ", ".join(
            f"{_small(_shown(name, unit))} {_said(item, unit, currency)}"
            for name, item, unit in value.given()
        )
    return _scalar(value)


def _scalar(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.15g}" if isinstance(value, float) else one_line(str(value))


def one_line(text: str) -> str:
    """The text without its line breaks."""
    return " ".join(text.split())


def _said(value: Any, unit: Unit | None, currency: str) -> str:
    if unit is None or isinstance(value, bool) or not isinstance(value, int | float):
        return render(value, currency)
    return unit.say(value, currency)


def _shown(name: str, unit: Unit | None) -> str:
    """The name, without an ending that its unit says."""
    front, _, end = name.rpartition("_")
    return front if unit is not None and front and end.lower() in SUFFIXES else name


def _small(key: str) -> str:
    named = label(key)
    return named if named[:2].isupper() else named.lower()
