"""Access tokens: signed, short-lived, checked without asking anybody."""

import secrets
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import jwt

from api.problems import Unauthorized

ALGORITHM = "HS256"
ISSUER = "caravan"
AUDIENCE = "caravan-api"
TYPE = "at+jwt"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, by a token issued at this second (0: by no token)."""

    user: str
    issued_at: int


class Tokens:
    """Issues and reads access tokens."""

    def __init__(self, secret: str, lifetime_seconds: int) -> None:
        self._secret = secret
        self.lifetime_seconds = lifetime_seconds

    def issue(self, user: str) -> str:
        """A fresh token for ``user``."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user,
            "iat": now,
            "exp": now + self.lifetime_seconds,
            "jti": uuid.uuid4().hex,
        }
        return jwt.encode(claims, self._secret, ALGORITHM, {"typ": TYPE})

    def read(self, token: str) -> Principal:
        """Who the token stands for. Raises Unauthorized."""
        try:
            whole = jwt.decode_complete(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                options={"require": ["iss", "aud", "sub", "iat", "exp", "jti"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise Unauthorized(
                "The access token has expired: log in again.", error="invalid_token"
            ) from error
        except jwt.InvalidTokenError as error:
            raise Unauthorized("The access token is not valid.", error="invalid_token") from error
        if whole["header"].get("typ") != TYPE:
            raise Unauthorized("This is no access token.", error="invalid_token")
        return Principal(whole["payload"]["sub"], whole["payload"]["iat"])


def kept_secret(path: Path) -> str:
    """The signing key in ``path``, made on first use, so that a restart voids no token."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        try:
            path.hardlink_to(draft)  # the first of several gateways wins, with a whole file
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
