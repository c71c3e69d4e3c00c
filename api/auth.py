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
#: Tokens whose signature is remembered; beyond that all are forgotten, and checked again.
MOST_KNOWN = 1000


#: Why somebody has no say, by the word of a script.
_WHY = {
    "revoked": "The access token was revoked: log in again.",
    "expired": "The API key has expired.",
    "disabled": "This user is disabled.",
    "unknown": "There is no such user or key any more.",
}


def no_say(word: str) -> Unauthorized:
    """The problem of a bearer who was known, and is ``word`` now."""
    return Unauthorized(_WHY[word], error="invalid_token")


def lacking(scope: Scope, what: str) -> Forbidden:
    """The problem of a caller whose role or key (``what``) does not have this scope."""
    return Forbidden(f"This needs the scope {scope}, which your {what} does not have.")


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
    claimed: bool = False  #: by a token alone: the store has not been asked yet

    def require(self, scope: Scope) -> None:
        """Raises Forbidden if this is not among what they may do."""
        if scope in self.scopes:
            return
        if scope is Scope.ADMIN:
            raise Forbidden("Only an administrator may do this.")
        raise lacking(scope, "API key" if self.key_id else f"role {self.role}")


class Tokens:
    """Issues and reads access tokens."""

    def __init__(self, keyring: Keyring, lifetime_seconds: int) -> None:
        self.lifetime_seconds = lifetime_seconds
        self._keyring = keyring
        # Whose tokens are, and until when (s since 1970): a signature stays what it was.
        self._known: dict[str, tuple[Principal, int]] = {}

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
        known = self._known.get(token)
        if known is not None and time.time() < known[1]:
            return known[0]
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
        who = Principal(claims["sub"], int(claims["iat"]), session=session)
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[token] = who, int(claims["exp"])
        return who
