"""What you used, and what it cost."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.deps import PrincipalDep, StateDep
from api.identity.roles import Scope
from api.openapi import problems
from api.period import PeriodDep
from api.prices import usd
from api.problems import UserNotFound
from api.state import State
from api.statistics import UsageReportBody
from api.usage import Usage

router = APIRouter(tags=["usage"])


@router.get(
    "/usage",
    responses={
        200: {"model": UsageReportBody},
        **problems(UserNotFound),
    },
)
async def usage(
    state: StateDep,
    principal: PrincipalDep,
    period: PeriodDep,
    user: Annotated[
        str | None, Query(max_length=64, description="Another's, for administrators")
    ] = None,
) -> dict[str, Any]:
    """Your tokens and their cost by day and model, and what is left of this month's budget."""
    name = principal.user if user is None else user
    if name != principal.user:
        principal.require(Scope.ADMIN)
    lines = await state.usage.of_user(name, period.first, period.last)
    limit = await _limit(state, name, deleted=bool(lines))
    return {
        "object": "usage",
        "user": name,
        "start_date": period.first,
        "end_date": period.last,
        "data": [{"date": line.day, "model": line.model, **line.usage.view()} for line in lines],
        "totals": Usage.total(line.usage for line in lines).view(),
        "budget": await _budget(state, name, limit),
    }


async def _limit(state: State, name: str, *, deleted: bool) -> int | None:
    """The user's budget; a user who was ``deleted`` has none, but had usage."""
    try:
        return (await state.users.get(name)).monthly_budget_nano
    except UserNotFound:
        if deleted:
            return None
        raise


async def _budget(state: State, name: str, limit: int | None) -> dict[str, Any]:
    now = datetime.now(UTC)
    spent = await state.usage.spent_nano(name, now.strftime("%Y-%m"))
    year, month = now.year + now.month // 12, now.month % 12 + 1
    return {
        "monthly_budget_usd": None if limit is None else usd(limit),
        "spent_usd": usd(spent),
        "remaining_usd": None if limit is None else usd(max(0, limit - spent)),
        "resets_at": datetime(year, month, 1, tzinfo=UTC),
    }
