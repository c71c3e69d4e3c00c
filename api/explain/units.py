"""What numbers count: the limits of each unit, and how a model reads it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import Field


@dataclass(frozen=True, slots=True)
class Unit:
    """What a number counts; ``say`` gets it written out and the currency's code."""

    name: str
    low: float
    high: float
    say: Callable[[float, str], str]


def number(value: float) -> str:
    """A number with thousands apart and no digits that only a float has."""
    whole = f"{value:,.15g}"
    return f"{value:.15g}" if "e" in whole else whole


def money(value: float, currency: str) -> str:
    """An amount; dollars where nothing else is said."""
    if currency != "USD":
        return f"{number(value)} {currency}"
    return f"-${number(-value)}" if value < 0 else f"${number(value)}"


def _percent(value: float) -> str:
    return f"{number(round(value, 10))}%"


def _volatility(value: float, _: str) -> str:
    return f"{_percent(value * 100 if value <= _LARGEST_FRACTION else value)} a year"


#: A volatility above it is a percentage: 0.25 and 25 are the same.
_LARGEST_FRACTION = 5

HUGE = 1e15

PRICE = Unit("money", 0, HUGE, money)
AMOUNT = Unit("money", -HUGE, HUGE, money)
COUNT = Unit("count", 0, HUGE, lambda value, _: number(value))
RATIO = Unit("ratio", -1e6, 1e6, lambda value, _: number(value))
PERCENT = Unit("percent", -10_000, 1_000_000, lambda value, _: _percent(value))
SHARE = Unit("share, 0..1", 0, 1, lambda value, _: _percent(value * 100))
OF_100 = Unit("0..100", 0, 100, lambda value, _: f"{number(value)} of 100")
SCORE = Unit("-1..1", -1, 1, lambda value, _: f"{number(value)} on a scale from -1 to 1")
DAYS = Unit("days", 0, 36_500, lambda value, _: f"{number(value)} days")
BASIS_POINTS = Unit("basis points", -1e5, 1e5, lambda value, _: f"{number(value)} basis points")
VOLATILITY = Unit("per year; a fraction up to 5, else percent", 0, 1000, _volatility)
A_DAY = Unit("money a day", -1e6, 1e6, lambda value, code: f"{money(value, code)} a day")
PER_POINT = Unit(
    "money a percentage point",
    -1e6,
    1e6,
    lambda value, code: f"{money(value, code)} a percentage point",
)
PER_DOLLAR = Unit("delta per unit of price", 0, 1e3, lambda value, _: number(value))
DELTA = Unit("delta, -1..1", -1, 1, lambda value, _: number(value))

UNITS = {
    unit.name: unit
    for unit in (
        *(PRICE, AMOUNT, COUNT, RATIO, PERCENT, SHARE, OF_100, SCORE, DAYS, BASIS_POINTS),
        *(VOLATILITY, A_DAY, PER_POINT, PER_DOLLAR, DELTA),
    )
}

#: How the names of facts that no analysis knows may end to say what they count.
SUFFIXES = {
    "percent": PERCENT,
    "pct": PERCENT,
    "usd": Unit("USD", -HUGE, HUGE, lambda value, _: money(value, "USD")),
    "bps": BASIS_POINTS,
    "days": DAYS,
}


def fact(unit: Unit, description: str) -> Any:
    """A number that an analysis knows; it may be left out."""
    return Field(
        None,
        description=description,
        strict=True,
        ge=unit.low,
        le=unit.high,
        json_schema_extra={"x-unit": unit.name},
    )
