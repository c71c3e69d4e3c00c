"""The ledger of deliveries."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import PrincipalDep, StateDep
from api.openapi import problems
from api.pages import DEFAULT_LIMIT, After, Limit
from api.webhooks.answers import DeliveryBody, DeliveryListBody
from api.webhooks.deliveries import Wanted
from api.webhooks.problems import DeliveryNotFound, DeliveryUnfinished, EndpointDisabled
from common.webhooks import DeliveryStatus

router = APIRouter(prefix="/webhooks/deliveries", tags=["webhooks"])


@router.get("")
async def list_deliveries(
    state: StateDep,
    principal: PrincipalDep,
    limit: Limit = DEFAULT_LIMIT,
    after: After = None,
    job: Annotated[str | None, Query(description="Only of this job or batch, by id")] = None,
    endpoint: Annotated[str | None, Query(description="Only to this endpoint, by id")] = None,
    status: Annotated[DeliveryStatus | None, Query(description="Only in this state")] = None,
) -> DeliveryListBody:
    """Your deliveries, newest first: 24 hours after success, 7 days after any other end.

    A page may hold fewer than `limit`, or none, although `has_more`: go on after its `last_id`.
    """
    page = await state.webhooks.deliveries.page(
        principal.user, limit, after, Wanted(job, endpoint, status)
    )
    data = [DeliveryBody.of(shown.delivery, shown.attempts) for shown in page.shown]
    return DeliveryListBody(
        data=data,
        first_id=data[0].id if data else None,
        last_id=page.cursor,
        has_more=page.has_more,
    )


@router.get("/{delivery_id}", responses=problems(DeliveryNotFound))
async def get_delivery(delivery_id: str, state: StateDep, principal: PrincipalDep) -> DeliveryBody:
    """One delivery with every attempt at it."""
    shown = await state.webhooks.deliveries.get(principal.user, delivery_id)
    return DeliveryBody.of(shown.delivery, shown.attempts)


@router.post(
    "/{delivery_id}/replay",
    status_code=202,
    responses=problems(DeliveryNotFound, DeliveryUnfinished, EndpointDisabled),
)
async def replay_delivery(
    delivery_id: str, state: StateDep, principal: PrincipalDep
) -> DeliveryBody:
    """Send one again, now, with the same `webhook-id` and a schedule of its own."""
    shown = await state.webhooks.deliveries.replay(principal.user, delivery_id)
    return DeliveryBody.of(shown.delivery, shown.attempts)
