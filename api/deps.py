"""What routes ask for by type."""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.auth import Principal
from api.problems import Forbidden, InvalidRequest, Unauthorized
from api.schemas import LIMITS
from api.state import State, state_of
from api.submission import Origin

#: Seconds that a client may ask an answer to be held back.
MAX_WAIT_SECONDS = 60

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="From POST /auth/login")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_WAIT = re.compile(r"\s*wait\s*=\s*\"?(\d{1,9})\"?\s*", re.IGNORECASE)
_KEY = re.compile(r'"(?P<quoted>[!-~]{1,255})"|(?P<bare>[!#-~][!-~]{0,254})')

StateDep = Annotated[State, Depends(state_of)]
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def principal(state: StateDep, credentials: Credentials) -> Principal:
    """Who asks. Raises Unauthorized."""
    if credentials is None:
        raise Unauthorized("Send an access token as Authorization: Bearer <token>.")
    return state.tokens.read(credentials.credentials)


async def anonymous_or_principal(state: StateDep, credentials: Credentials) -> Principal | None:
    """Who asks, if they say so credibly."""
    try:
        return state.tokens.read(credentials.credentials) if credentials else None
    except Unauthorized:
        return None


PrincipalDep = Annotated[Principal, Depends(principal)]


async def admin(state: StateDep, principal: PrincipalDep) -> Principal:
    """Who asks, if they run the service. Raises Forbidden."""
    if principal.user != state.settings.admin_username:
        raise Forbidden("Only an administrator may do this.")
    return principal


AdminDep = Annotated[Principal, Depends(admin)]
MaybePrincipalDep = Annotated[Principal | None, Depends(anonymous_or_principal)]


async def prefer_wait(
    prefer: Annotated[
        list[str] | None,
        Header(description="`wait=N`: hold the answer up to N seconds (60 at most)"),
    ] = None,
) -> int | None:
    """Seconds to hold the answer; what else is preferred is ignored, as RFC 7240 allows."""
    for preference in ",".join(prefer or ()).split(","):
        found = _WAIT.fullmatch(preference.partition(";")[0])
        if found:
            return min(int(found[1]), MAX_WAIT_SECONDS)
    return None


WaitDep = Annotated[int | None, Depends(prefer_wait)]


async def origin(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(description="The same key and body give the same job again, for 24 hours"),
    ] = None,
    traceparent: Annotated[str | None, Header(description="W3C trace context")] = None,
) -> Origin:
    """Where the request comes from. Raises InvalidRequest on a malformed key."""
    return Origin(
        request_id=request.state.request_id,
        traceparent=traceparent if traceparent and _TRACEPARENT.fullmatch(traceparent) else "",
        idempotency_key=None if idempotency_key is None else _read_key(idempotency_key),
    )


OriginDep = Annotated[Origin, Depends(origin)]


def _read_key(header: str) -> str:
    """The key, bare or quoted as a structured field."""
    found = _KEY.fullmatch(header.strip())
    if found:
        return found["quoted"] or found["bare"]
    name = "Idempotency-Key"
    raise InvalidRequest.about(name, str(LIMITS[name]), header[:100], f"must be {LIMITS[name]}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who submits, from where, and how long they want to wait for the result."""

    principal: Principal
    origin: Origin
    wait: int | None


async def caller(principal: PrincipalDep, origin: OriginDep, wait: WaitDep) -> Caller:
    """The three in one."""
    return Caller(principal, origin, wait)


CallerDep = Annotated[Caller, Depends(caller)]
