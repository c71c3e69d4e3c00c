"""The secrets that receivers check signatures with, and the public keys."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from redis.asyncio import Redis

from api.keyring import thumbprint
from api.webhooks.answers import PublicKeyBody
from api.webhooks.problems import EndpointNotFound, SecretUnreadable
from common import keys
from common.scripts import AsyncScripts
from common.signing import new_secret
from common.vault import Unsealable, Vault

#: How long the old secret stays valid after a rotation.
OVERLAP_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret; what was valid before it is valid until ``previous_until_ms``."""

    text: str
    previous_until_ms: int = 0


class Secrets:
    """Reads and rotates; sealed in Redis, open only here and where requests are signed."""

    def __init__(self, redis: "Redis", scripts: AsyncScripts, vault: Vault) -> None:
        self._redis = redis
        self._scripts = scripts
        self._vault = vault

    async def of_user(self, user: str) -> Secret:
        """The secret of the user's job URLs, made on first read. Raises SecretUnreadable."""
        key = keys.user_secret(user)
        await self._redis.hsetnx(key, "secret", self._vault.seal(new_secret()))
        row = cast("list[str | None]", await self._redis.hmget(key, ["secret", "old_until_ms"]))
        try:
            return Secret(self._vault.unseal(row[0] or ""), int(row[1] or 0))
        except Unsealable:
            raise SecretUnreadable(
                "It was sealed with another WEBHOOK_KEY: rotate it to get a new one."
            ) from None

    async def rotate_of_user(self, user: str) -> Secret:
        """A new secret; the old one is valid for another day."""
        return await self._rotate(keys.user_secret(user), user)

    async def rotate_of_endpoint(self, user: str, endpoint_id: str) -> Secret:
        """The same for an endpoint that the caller has found. Raises EndpointNotFound."""
        return await self._rotate(keys.endpoint(endpoint_id), user)

    def public_keys(self) -> Sequence[PublicKeyBody]:
        """The keys of ``v1a`` signatures."""
        raw = self._vault.signing_key.public_bytes
        x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        return [PublicKeyBody(kid=thumbprint(x), x=x, whpk=self._vault.signing_key.public)]

    async def _rotate(self, key: str, user: str) -> Secret:
        secret = new_secret()
        word, *until = await self._scripts(
            "hook_rotate", key, user, self._vault.seal(secret), OVERLAP_MS
        )
        if word == "unknown":
            raise EndpointNotFound("There is no such endpoint.")
        return Secret(secret, int(until[0]))
