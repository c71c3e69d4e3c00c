"""Tokens for a browser's EventSource, which sends no headers: one job, to read, for a minute."""

import time

import jwt
from pydantic import Field

from api.auth import Principal
from api.keyring import Keyring
from api.problems import Unauthorized
from api.schemas import Shape

AUDIENCE = "caravan-stream"
TYPE = "st+jwt"
LIFETIME_SECONDS = 60


class StreamTokenBody(Shape):
    token: str
    expires_in: int = Field(description="Seconds")
    url: str = Field(description="For `new EventSource(url)`")


class StreamTokens:
    """Issues and reads them; no access token passes for one, nor one for an access token."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def issue(self, user: str, job_id: str, session: str = "") -> str:
        """A token with which ``user`` may follow this job; it dies with the session, if any."""
        now = int(time.time())
        claims = {
            "aud": AUDIENCE,
            "sub": user,
            "job": job_id,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            **({"sid": session} if session else {}),
        }
        return self._keyring.sign(claims, TYPE)

    def read(self, token: str, job_id: str) -> Principal:
        """Whose token for this job it is; it has no scope. Raises Unauthorized."""
        try:
            claims = self._keyring.read(token, TYPE, AUDIENCE, ["sub", "job", "iat"])
        except jwt.PyJWTError as error:
            raise Unauthorized(
                "The stream token is not valid any more: ask for another.", error="invalid_token"
            ) from error
        if claims["job"] != job_id:
            raise Unauthorized("The stream token is for another job.", error="invalid_token")
        return Principal(claims["sub"], int(claims["iat"]), session=str(claims.get("sid", "")))
