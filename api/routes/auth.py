"""Logging in, staying in, logging out."""

from fastapi import APIRouter, Request, Response

from api.answers import TokenBody
from api.deps import AccountDep, StateDep
from api.identity.audit import audit
from api.identity.logins import Grant
from api.openapi import problems
from api.problems import (
    InvalidCredentials,
    RateLimited,
)
from api.proxies import bucket_of
from api.requests.accounts import LogoutRequest, PasswordRequest, RefreshRequest
from api.requests.login import LoginRequest
from api.settings import DEFAULT_PASSWORD, is_loopback
from api.state import State
from common.settings import AppEnv

router = APIRouter(prefix="/auth", tags=["auth"])
_REFUSALS = problems(InvalidCredentials, RateLimited)


@router.post("/login", responses=_REFUSALS)
async def login(
    body: LoginRequest, request: Request, response: Response, state: StateDep
) -> TokenBody:
    """Exchange a user name and a password for an access token and a refresh token."""
    password = body.password.get_secret_value()
    if password == DEFAULT_PASSWORD and not _may_be_default(request, state):
        raise InvalidCredentials(
            "The default password works in development on the loopback address only: "
            "set ADMIN_PASSWORD."
        )
    return _body(await state.logins.log_in(body.username, password, _address(request)), response)


@router.post("/refresh", responses=_REFUSALS)
async def refresh(body: RefreshRequest, response: Response, state: StateDep) -> TokenBody:
    """Exchange a refresh token for fresh ones; a second use ends the session."""
    return _body(await state.logins.refresh(body.refresh_token), response)


@router.post("/logout", status_code=204, responses=_REFUSALS)
async def logout(account: AccountDep, state: StateDep, body: LogoutRequest | None = None) -> None:
    """End this session, or all of yours: their tokens are void at once."""
    await state.logins.log_out(account, everywhere=bool(body and body.everywhere))


@router.post("/password", responses=_REFUSALS)
async def change_password(
    body: PasswordRequest,
    account: AccountDep,
    request: Request,
    response: Response,
    state: StateDep,
) -> TokenBody:
    """Change your password; all sessions end, and this answer begins a new one."""
    current = body.current_password.get_secret_value()
    await state.logins.check(account.user, current, _address(request))
    hashed = await state.passwords.hash(body.new_password.get_secret_value())
    await state.users.change(account.user, {"password": hashed})
    await state.sessions.end_all(account.user)
    audit("password.change", account.user)
    return _body(await state.logins.open(account.user), response)


def _may_be_default(request: Request, state: State) -> bool:
    """Whatever the store says: it may have been filled in development."""
    in_development = state.settings.app_env is AppEnv.DEVELOPMENT
    return in_development and is_loopback(request.scope["server"][0])


def _body(grant: Grant, response: Response) -> TokenBody:
    response.headers["Cache-Control"] = "no-store"
    return TokenBody(
        access_token=grant.access_token,
        token_type="bearer",  # noqa: S106 - a scheme's name
        expires_in=grant.expires_in,
        refresh_token=grant.refresh_token,
    )


def _address(request: Request) -> str:
    return bucket_of(request.client.host) if request.client else "unknown"
