"""Access tokens: signed and short-lived; what they say is checked against the store."""

import time
import uuid
from dataclasses import dataclass, field

import jwt

from api.identity.roles import Role, Scope
from api.keyring import Keyring
from api.problems import Forbidden, Unauthorized

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
    key_digest: str = field(default="", repr=False)  #: of its secret, to ask again

    def require(self, scope: Scope) -> None:
        """Raises Forbidden if this is not among what they may do."""
        if scope in self.scopes:
            return
        if scope is Scope.ADMIN:
            raise Forbidden("Only an administrator may do this.")
        what = "API key" if self.key_id else f"role {self.role}"
        raise Forbidden(f"This needs the scope {scope}, which your {what} does not have.")


class Tokens:
    """Issues and reads access tokens."""

    def __init__(self, keyring: Keyring, lifetime_seconds: int) -> None:
        self.lifetime_seconds = lifetime_seconds
        self._keyring = keyring

    def issue(self, user: str, role: Role = Role.USER, session: str = "") -> str:
        """A fresh token for ``user``; it dies with the session, if it has one."""
        now = int(time.time())
        claims = {
            "aud": AUDIENCE,
            "sub": user,
            "iat": now,
            "exp": now + self.lifetime_seconds,
            "jti": uuid.uuid4().hex,
            "role": role.value,
            **({"sid": session} if session else {}),
        }
        return self._keyring.sign(claims, TYPE)

    def read(self, token: str) -> Principal:
        """Who the token was issued to; the caller asks what they may do. Raises Unauthorized."""
        try:
            claims = self._keyring.read(token, TYPE, AUDIENCE, ["sub", "iat", "jti"])
        except jwt.ExpiredSignatureError as error:
            raise Unauthorized(
                "The access token has expired: log in again.", error="invalid_token"
            ) from error
        except jwt.PyJWTError as error:
            raise Unauthorized("The access token is not valid.", error="invalid_token") from error
        session = claims.get("sid", "")
        if not isinstance(session, str):
            raise Unauthorized("This is no access token.", error="invalid_token")
        return Principal(claims["sub"], int(claims["iat"]), session=session)
