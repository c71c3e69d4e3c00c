"""The keys that sign our tokens: one that signs, and those before it that may still check.

A key has one algorithm, by configuration. A token names its key by ``kid``, which chooses
among ours; nothing else in a token chooses anything.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Self

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

ISSUER = "caravan"
#: Characters of the longest token that is looked at; ours have a fifth of it.
MOST_CHARACTERS = 2048

_JWT = jwt.PyJWT(options={"enforce_minimum_key_length": True})


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A key under its public name, and the one algorithm that it is good for."""

    kid: str
    algorithm: str
    signs: str | Ed25519PrivateKey | None
    checks: str | Ed25519PublicKey

    @classmethod
    def shared(cls, secret: str) -> Self:
        """HS256: whoever can check can sign."""
        kid = hashlib.sha256(b"kid:" + secret.encode()).hexdigest()[:16]
        return cls(kid, "HS256", secret, secret)

    @classmethod
    def pair(cls, pem: str) -> Self:
        """EdDSA with the Ed25519 key in ``pem``, private or, to check only, public.

        Raises ValueError.
        """
        private, public = _load(pem)
        return cls(thumbprint(_x(public)), "EdDSA", private, public)

    @property
    def jwk(self) -> dict[str, str] | None:
        """Its public half (RFC 8037); None for a secret."""
        if isinstance(self.checks, str):
            return None
        return {"kid": self.kid, "x": _x(self.checks)}


@dataclass(frozen=True, slots=True)
class Keyring:
    """``current`` signs; all check."""

    current: TokenKey
    previous: tuple[TokenKey, ...] = ()

    @classmethod
    def of_secret(cls, secret: str, previous: str | None = None) -> Self:
        """HS256 with a secret, and perhaps the one before it."""
        return cls(TokenKey.shared(secret), (TokenKey.shared(previous),) if previous else ())

    def sign(self, claims: dict[str, Any], kind: str) -> str:
        """A token of ``kind`` (its ``typ``)."""
        key = self.current
        headers = {"typ": kind, "kid": key.kid}
        return _JWT.encode({"iss": ISSUER, **claims}, key.signs, key.algorithm, headers)  # type: ignore[arg-type]

    def read(self, token: str, kind: str, audience: str, claims: list[str]) -> dict[str, Any]:
        """The claims of a token of this kind, which must have these. Raises jwt.InvalidTokenError."""
        if len(token) > MOST_CHARACTERS:
            raise jwt.InvalidTokenError("it is too long to be ours")
        key = self._named(jwt.get_unverified_header(token).get("kid", self.current.kid))
        whole = _JWT.decode_complete(
            token,
            key.checks,
            algorithms=[key.algorithm],
            issuer=ISSUER,
            audience=audience,
            options={"require": ["iss", "aud", "exp", *claims]},
        )
        if whole["header"].get("typ") != kind:
            raise jwt.InvalidTokenError(f"it is no {kind}")
        read: dict[str, Any] = whole["payload"]
        return read

    def public_keys(self) -> list[dict[str, str]]:
        """``kid`` and ``x`` of each key that others may check with."""
        return [jwk for key in (self.current, *self.previous) if (jwk := key.jwk)]

    def _named(self, kid: object) -> TokenKey:
        for key in (self.current, *self.previous):
            if key.kid == kid:
                return key
        raise jwt.InvalidTokenError("its key is not ours")


def thumbprint(x: str) -> str:
    """RFC 7638: the name that an Ed25519 key gives itself; ``x`` as in its JWK."""
    members = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"))
    return _b64(hashlib.sha256(members.encode()).digest())


def _load(pem: str) -> tuple[Ed25519PrivateKey | None, Ed25519PublicKey]:
    raw = pem.replace("\\n", "\n").encode()
    try:
        private = None if b"PUBLIC KEY" in raw else load_pem_private_key(raw, password=None)
        public = load_pem_public_key(raw) if private is None else private.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("is no Ed25519 key in PEM (openssl genpkey -algorithm ed25519)") from None
    if not isinstance(public, Ed25519PublicKey):
        raise ValueError("is a key of another kind than Ed25519")  # noqa: TRY004 - a setting's value
    return private if isinstance(private, Ed25519PrivateKey) else None, public


def _x(key: Ed25519PublicKey) -> str:
    return _b64(key.public_bytes_raw())


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
