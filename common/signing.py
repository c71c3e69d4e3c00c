"""Signatures of webhooks: Standard Webhooks 1.0, symmetric (v1) and asymmetric (v1a)."""

import base64
import hashlib
import hmac
import os
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SECRET_PREFIX = "whsec_"  # noqa: S105
PUBLIC_KEY_PREFIX = "whpk_"
_SECRET_BYTES = 32


def new_secret() -> str:
    """A secret that an endpoint shares with us: ``whsec_`` and 32 random bytes in base64."""
    return SECRET_PREFIX + _b64(os.urandom(_SECRET_BYTES))


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The service's own key pair: whoever has its public half can check, and not forge."""

    private: Ed25519PrivateKey

    @classmethod
    def from_seed(cls, seed: bytes) -> "SigningKey":
        """The key pair of 32 secret bytes."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def public_bytes(self) -> bytes:
        """The public key, 32 bytes."""
        return self.private.public_key().public_bytes_raw()

    @property
    def public(self) -> str:
        """The public key as Standard Webhooks writes it: ``whpk_`` and base64."""
        return PUBLIC_KEY_PREFIX + _b64(self.public_bytes)


def sign(
    secrets: Iterable[str], key: SigningKey, message_id: str, timestamp_seconds: int, body: bytes
) -> str:
    """The ``webhook-signature`` header: one ``v1`` for each secret, then a ``v1a``.

    Any one that matches is enough for a receiver; two secrets are valid while one is replaced.
    """
    content = f"{message_id}.{timestamp_seconds}.".encode() + body
    signatures = [f"v1,{_b64(_hmac(secret, content))}" for secret in secrets]
    return " ".join([*signatures, f"v1a,{_b64(key.private.sign(content))}"])


def _hmac(secret: str, content: bytes) -> bytes:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return hmac.new(key, content, hashlib.sha256).digest()


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
