"""Tokens for a browser's EventSource, which sends no headers: one job, to read, for a minute."""

import time

import jwt
from pydantic import BaseModel, Field

from api.auth import ALGORITHM, ISSUER
from api.problems import Unauthorized

AUDIENCE = "caravan-stream"
LIFETIME_SECONDS = 60


class StreamTokenBody(BaseModel):
    token: str
    expires_in: int = Field(description="Seconds")
    url: str = Field(description="For `new EventSource(url)`")


class StreamTokens:
    """Issues and reads them; no access token passes for one, nor one for an access token."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def issue(self, user: str, job_id: str) -> str:
        """A token with which ``user`` may follow this job, and nothing else."""
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user,
            "job": job_id,
            "exp": int(time.time()) + LIFETIME_SECONDS,
        }
        return jwt.encode(claims, self._secret, ALGORITHM)

    def read(self, token: str, job_id: str) -> str:
        """Whose token for this job it is. Raises Unauthorized."""
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                options={"require": ["iss", "aud", "sub", "job", "exp"]},
            )
        except jwt.InvalidTokenError as error:
            raise Unauthorized(
                "The stream token is not valid any more: ask for another.", error="invalid_token"
            ) from error
        if claims["job"] != job_id:
            raise Unauthorized("The stream token is for another job.", error="invalid_token")
        return str(claims["sub"])
