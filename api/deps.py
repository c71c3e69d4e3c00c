"""What routes ask for by type."""

import re
import uuid
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.security import APIKeyQuery, HTTPAuthorizationCredentials, HTTPBearer
from redis.exceptions import RedisError

from api.auth import Principal
from api.identity.roles import Scope
from api.problems import Forbidden, InvalidRequest, Unauthorized
from api.schemas import LIMITS
from api.state import State, state_of
from api.submission import Origin

#: Seconds that a client may ask an answer to be held back.
MAX_WAIT_SECONDS = 60

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="From POST /auth/login")
_stream_token = APIKeyQuery(
    name="token",
    scheme_name="StreamToken",
    auto_error=False,
    description="From POST /jobs/{job_id}/stream-token",
)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_WAIT = re.compile(r"\s*wait\s*=\s*\"?(\d{1,9})\"?\s*", re.IGNORECASE)
_KEY = re.compile(r'"(?P<quoted>[!-~]{1,255})"|(?P<bare>[!#-~][!-~]{0,254})')


async def _state(request: Request) -> State:
    return state_of(request)  # FastAPI would run what is not async in a thread


StateDep = Annotated[State, Depends(_state)]
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def bearer(request: Request, state: StateDep, credentials: Credentials) -> Principal:
    """Who asks, whatever they want. Raises Unauthorized."""
    if credentials is None:
        raise Unauthorized("Send an access token or API key as Authorization: Bearer <token>.")
    who = await state.bearers.read(credentials.credentials)
    request.state.principal = who  # for the vigil over long answers
    return who


BearerDep = Annotated[Principal, Depends(bearer)]


async def principal(request: Request, principal: BearerDep) -> Principal:
    """Who asks, if they may read, or write with another method. Raises Unauthorized, Forbidden."""
    principal.require(Scope.READ if request.method in _SAFE else Scope.WRITE)
    return principal


async def account(principal: BearerDep) -> Principal:
    """Who asks, by a login: no API key may change its own account. Raises Forbidden."""
    if principal.key_id:
        raise Forbidden("Log in for this: an API key may not do it.")
    return principal


#: For routes of one's own password, sessions and keys.
AccountDep = Annotated[Principal, Depends(account)]


async def anonymous_or_principal(state: StateDep, credentials: Credentials) -> Principal | None:
    """Who asks, if they say so credibly."""
    try:
        return await state.bearers.read(credentials.credentials) if credentials else None
    except (Unauthorized, RedisError):
        return None


PrincipalDep = Annotated[Principal, Depends(principal)]


async def reader(
    job_id: str,
    request: Request,
    state: StateDep,
    credentials: Credentials,
    token: Annotated[str | None, Depends(_stream_token)] = None,
) -> Principal:
    """Whose job may be followed, by an access token or a stream token. Raises Unauthorized."""
    if token is not None:
        follower = state.stream_tokens.read(token, job_id)
        await state.bearers.check(follower)
        request.state.principal = follower
        return follower
    who = await bearer(request, state, credentials)
    who.require(Scope.READ)
    return who


#: For whom a stream is opened.
ReaderDep = Annotated[Principal, Depends(reader)]


async def admin(principal: PrincipalDep) -> Principal:
    """Who asks, if they run the service. Raises Forbidden."""
    principal.require(Scope.ADMIN)
    return principal


async def observer(principal: PrincipalDep) -> Principal:
    """Who asks, if they may read the operator's numbers. Raises Forbidden."""
    principal.require(Scope.METRICS)
    return principal


AdminDep = Annotated[Principal, Depends(admin)]
ObserverDep = Annotated[Principal, Depends(observer)]
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
    _: Annotated[
        str | None, Header(alias="traceparent", description="W3C trace context: goes with the job")
    ] = None,
) -> Origin:
    """Where the request comes from. Raises InvalidRequest on a malformed key."""
    return Origin(
        request_id=request.state.request_id,
        traceparent=request.state.traceparent,
        idempotency_key=None if idempotency_key is None else _read_key(idempotency_key),
    )


OriginDep = Annotated[Origin, Depends(origin)]


async def cancel_nonce(
    idempotency_key: Annotated[
        str | None, Header(description="The same key gives the same answer again")
    ] = None,
) -> str:
    """Makes a repeated cancel the same one. Raises InvalidRequest on a malformed key."""
    return uuid.uuid4().hex if idempotency_key is None else f"key:{_read_key(idempotency_key)}"


CancelNonceDep = Annotated[str, Depends(cancel_nonce)]


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
