"""A range of days, as a query names it."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import Depends, Query

from api.problems import InvalidRequest
from api.usage import today

#: Days of usage that one answer covers.
MOST_DAYS = 92


@dataclass(frozen=True, slots=True)
class Period:
    """The first and the last day, both included (UTC)."""

    first: date
    last: date


async def period(
    start_date: Annotated[
        date | None, Query(description="First day (UTC); the first of this month")
    ] = None,
    end_date: Annotated[date | None, Query(description="Last day (UTC), included; today")] = None,
) -> Period:
    """The days that were asked for. Raises InvalidRequest."""
    last = end_date or max(today(), start_date or today())
    first = start_date or last.replace(day=1)
    if not 0 <= (last - first).days < MOST_DAYS:
        raise InvalidRequest.about(
            "start_date",
            f"1..{MOST_DAYS} days up to end_date",
            str(first),
            f"must be at most {MOST_DAYS - 1} days before {last}, and not after it",
        )
    return Period(first, last)


PeriodDep = Annotated[Period, Depends(period)]
