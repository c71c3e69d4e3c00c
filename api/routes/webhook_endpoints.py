"""Registered receivers of events."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.deps import PrincipalDep, StateDep
from api.openapi import problems
from api.pages import DEFAULT_LIMIT, After, Limit
from api.problems import StoreFull
from api.requests.webhooks import EndpointChange, EndpointRequest
from api.webhooks.answers import (
    DeliveryBody,
    EndpointBody,
    EndpointListBody,
    NewEndpointBody,
    RecoveryBody,
    SecretBody,
    moment,
)
from api.webhooks.problems import EndpointDisabled, EndpointNotFound, TooManyEndpoints

router = APIRouter(prefix="/webhooks/endpoints", tags=["webhooks"])
_ONE = problems(EndpointNotFound)


@router.post("", status_code=201, responses=problems(TooManyEndpoints, StoreFull))
async def create_endpoint(
    body: EndpointRequest, response: Response, state: StateDep, principal: PrincipalDep
) -> NewEndpointBody:
    """Register a receiver; its secret is shown this once."""
    endpoint, secret = await state.webhooks.endpoints.create(principal.user, body)
    response.headers["Location"] = f"/webhooks/endpoints/{endpoint.id}"
    response.headers["Cache-Control"] = "no-store"
    return NewEndpointBody.made(endpoint, secret)


@router.get("")
async def list_endpoints(
    state: StateDep, principal: PrincipalDep, limit: Limit = DEFAULT_LIMIT, after: After = None
) -> EndpointListBody:
    """Your receivers, newest first."""
    found, more = await state.webhooks.endpoints.page(principal.user, limit, after)
    return EndpointListBody(
        data=[EndpointBody.of(endpoint) for endpoint in found],
        first_id=found[0].id if found else None,
        last_id=found[-1].id if found else None,
        has_more=more,
    )


@router.get("/{endpoint_id}", responses=_ONE)
async def get_endpoint(endpoint_id: str, state: StateDep, principal: PrincipalDep) -> EndpointBody:
    """One receiver."""
    return EndpointBody.of(await state.webhooks.endpoints.get(principal.user, endpoint_id))


@router.patch("/{endpoint_id}", responses=problems(EndpointNotFound, StoreFull))
async def update_endpoint(
    endpoint_id: str, body: EndpointChange, state: StateDep, principal: PrincipalDep
) -> EndpointBody:
    """Change what the body names; the rest stays."""
    return EndpointBody.of(await state.webhooks.endpoints.update(principal.user, endpoint_id, body))


@router.delete("/{endpoint_id}", status_code=204, responses=_ONE)
async def delete_endpoint(endpoint_id: str, state: StateDep, principal: PrincipalDep) -> None:
    """Forget a receiver; what is on its way to it is cancelled."""
    await state.webhooks.endpoints.delete(principal.user, endpoint_id)


@router.post("/{endpoint_id}/enable", responses=_ONE)
async def enable_endpoint(
    endpoint_id: str, state: StateDep, principal: PrincipalDep
) -> EndpointBody:
    """Take a receiver into use again, whyever it was disabled."""
    change = EndpointChange(disabled=False)
    return EndpointBody.of(
        await state.webhooks.endpoints.update(principal.user, endpoint_id, change)
    )


@router.post("/{endpoint_id}/disable", responses=_ONE)
async def disable_endpoint(
    endpoint_id: str, state: StateDep, principal: PrincipalDep
) -> EndpointBody:
    """Send it nothing for now: events of that time are not kept for it."""
    change = EndpointChange(disabled=True)
    return EndpointBody.of(
        await state.webhooks.endpoints.update(principal.user, endpoint_id, change)
    )


@router.post("/{endpoint_id}/secret", responses=_ONE)
async def rotate_endpoint_secret(
    endpoint_id: str, response: Response, state: StateDep, principal: PrincipalDep
) -> SecretBody:
    """Make a new secret; for 24 hours every request is signed with the old one too."""
    await state.webhooks.endpoints.get(principal.user, endpoint_id)
    secret = await state.webhooks.secrets.rotate_of_endpoint(principal.user, endpoint_id)
    response.headers["Cache-Control"] = "no-store"
    return SecretBody(secret=secret.text, previous_valid_until=moment(secret.previous_until_ms))


@router.post(
    "/{endpoint_id}/test",
    status_code=202,
    responses=problems(EndpointNotFound, EndpointDisabled),
)
async def test_endpoint(endpoint_id: str, state: StateDep, principal: PrincipalDep) -> DeliveryBody:
    """Send it an `endpoint.test`; follow the delivery to see its answer."""
    delivery_id = await state.webhooks.endpoints.test(principal.user, endpoint_id)
    shown = await state.webhooks.deliveries.get(principal.user, delivery_id)
    return DeliveryBody.of(shown.delivery, shown.attempts)


@router.post(
    "/{endpoint_id}/recover",
    status_code=202,
    responses=problems(EndpointNotFound, EndpointDisabled),
)
async def recover_endpoint(
    endpoint_id: str,
    state: StateDep,
    principal: PrincipalDep,
    since: Annotated[
        datetime, Query(description="ISO 8601; without an offset it is UTC. Kept for 7 days")
    ],
) -> RecoveryBody:
    """Send every event again that failed since then, with the same `webhook-id` each."""
    endpoint = await state.webhooks.endpoints.get(principal.user, endpoint_id)
    if not endpoint.enabled:
        raise EndpointDisabled("The endpoint is disabled: enable it first.")
    aware = since if since.tzinfo else since.replace(tzinfo=UTC)
    return RecoveryBody(
        recovered=await state.webhooks.deliveries.recover(
            principal.user, endpoint_id, int(aware.timestamp() * 1000)
        )
    )
