"""Sessions: what a login opens, refresh tokens carry on and a logout ends.

A refresh token reads ``{session}.{secret}``; the store keeps a digest of the secret. Each
use gives the next one. One that comes back after its use was copied, by somebody: the
session ends, for the thief and for the owner.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass

from api.identity.audit import audit
from api.problems import InvalidCredentials
from common.scripts import AsyncScripts

_REFRESH = re.compile(r"([0-9a-f]{32})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is open, and the token that carries it on once."""

    id: str
    user: str
    refresh_token: str


class Sessions:
    """The sessions in Redis; one lives ``lifetime_seconds`` after its last refresh."""

    def __init__(self, scripts: AsyncScripts, lifetime_seconds: int) -> None:
        self._scripts = scripts
        self._lifetime_ms = lifetime_seconds * 1000

    async def open(self, user: str) -> Session:
        """A fresh session."""
        session, secret = secrets.token_hex(16), secrets.token_urlsafe(32)
        await self._scripts("session_open", session, user, _digest(secret), self._lifetime_ms)
        return Session(session, user, f"{session}.{secret}")

    async def carry_on(self, refresh_token: str) -> Session:
        """Use a refresh token, once. Raises InvalidCredentials."""
        found = _REFRESH.fullmatch(refresh_token)
        if found is None:
            raise InvalidCredentials("The refresh token is not valid: log in again.")
        session, secret = found[1], secrets.token_urlsafe(32)
        word, *user = await self._scripts(
            "session_carry_on", session, _digest(found[2]), _digest(secret), self._lifetime_ms
        )
        if word == "reused":
            audit("session.reused", user[0] if user else "", session=session[:8])
            raise InvalidCredentials("The refresh token was used before: log in again.")
        if word != "ok":
            raise InvalidCredentials("The refresh token is not valid: log in again.")
        return Session(session, user[0], f"{session}.{secret}")

    async def end(self, user: str, session: str) -> None:
        """End one session: its access and refresh tokens are void at once."""
        await self._scripts("session_end", user, session)

    async def end_all(self, user: str) -> None:
        """End all sessions of a user."""
        await self._scripts("session_end", user, "")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
