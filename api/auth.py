"""Access tokens: signed and short-lived; what they say is checked against the store."""

import hashlib
import time
import uuid
from dataclasses import dataclass
from typing import Any

import jwt

from api.identity.roles import Role, Scope
from api.problems import Forbidden, Unauthorized

ALGORITHM = "HS256"
ISSUER = "caravan"
AUDIENCE = "caravan-api"
TYPE = "at+jwt"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, by a token issued at this second (0: by no token), and what they may do."""

    user: str
    issued_at: int
    role: Role = Role.USER
    scopes: frozenset[Scope] = frozenset()
    session: str = ""  #: of the login that the token came from
    key_id: str = ""  #: of the API key, where it was one

    def require(self, scope: Scope) -> None:
        """Raises Forbidden if this is not among what they may do."""
        if scope in self.scopes:
            return
        if scope is Scope.ADMIN:
            raise Forbidden("Only an administrator may do this.")
        what = "API key" if self.key_id else f"role {self.role}"
        raise Forbidden(f"This needs the scope {scope}, which your {what} does not have.")


class Tokens:
    """Issues and reads access tokens.

    A token names its key by ``kid``: during a change of the secret those of the previous
    one stay good. The name only chooses among these two; nothing else in a token does.
    """

    def __init__(self, secret: str, lifetime_seconds: int, previous: str | None = None) -> None:
        self.lifetime_seconds = lifetime_seconds
        self._kid = _kid(secret)
        self._keys = {_kid(key): key for key in (previous, secret) if key}

    def issue(self, user: str, role: Role = Role.USER, session: str = "") -> str:
        """A fresh token for ``user``; it dies with the session, if it has one."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user,
            "iat": now,
            "exp": now + self.lifetime_seconds,
            "jti": uuid.uuid4().hex,
            "role": role.value,
            **({"sid": session} if session else {}),
        }
        headers = {"typ": TYPE, "kid": self._kid}
        return jwt.encode(claims, self._keys[self._kid], ALGORITHM, headers)

    def read(self, token: str) -> Principal:
        """Who the token was issued to; the caller asks what they may do. Raises Unauthorized."""
        try:
            whole = self._decode(token)
        except jwt.ExpiredSignatureError as error:
            raise Unauthorized(
                "The access token has expired: log in again.", error="invalid_token"
            ) from error
        except jwt.InvalidTokenError as error:
            raise Unauthorized("The access token is not valid.", error="invalid_token") from error
        claims, session = whole["payload"], whole["payload"].get("sid", "")
        if whole["header"].get("typ") != TYPE or not isinstance(session, str):
            raise Unauthorized("This is no access token.", error="invalid_token")
        return Principal(claims["sub"], int(claims["iat"]), session=session)

    def _decode(self, token: str) -> dict[str, Any]:
        key = self._keys.get(jwt.get_unverified_header(token).get("kid", self._kid))
        if key is None:
            raise jwt.InvalidTokenError("its key is not ours")
        return jwt.decode_complete(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": ["iss", "aud", "sub", "iat", "exp", "jti"]},
        )


def _kid(secret: str) -> str:
    """The public name of a key."""
    return hashlib.sha256(b"kid:" + secret.encode()).hexdigest()[:16]
