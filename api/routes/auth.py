"""Logging in."""

from fastapi import APIRouter, Request, Response

from api.answers import TokenBody
from api.deps import StateDep
from api.openapi import problems
from api.problems import (
    BadRequest,
    BodyTooLarge,
    InvalidCredentials,
    InvalidJson,
    InvalidRequest,
    RedisUnavailable,
    UnsupportedMediaType,
)
from api.schemas import LoginRequest
from api.settings import DEFAULT_PASSWORD, is_loopback

router = APIRouter(tags=["auth"])


@router.post(
    "/auth/login",
    responses=problems(
        BadRequest,
        InvalidJson,
        InvalidCredentials,
        BodyTooLarge,
        UnsupportedMediaType,
        InvalidRequest,
        RedisUnavailable,
    ),
)
async def login(
    body: LoginRequest, request: Request, response: Response, state: StateDep
) -> TokenBody:
    """Exchange a user name and a password for an access token."""
    response.headers["Cache-Control"] = "no-store"
    password = body.password.get_secret_value()
    if password == DEFAULT_PASSWORD and not is_loopback(request.scope["server"][0]):
        raise InvalidCredentials(
            "The default password works on this machine's loopback address only: "
            "set ADMIN_PASSWORD."
        )
    await state.accounts.check(body.username, password)
    return TokenBody(
        access_token=state.tokens.issue(body.username),
        token_type="bearer",  # noqa: S106 - a scheme's name
        expires_in=state.tokens.lifetime_seconds,
    )
