"""API keys: long-lived, of one user, with no more rights than they were given.

A key reads ``cvn_{id}_{secret}``. Its id is shown in lists; of the secret only a digest is
kept, and the key itself is shown once.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

from redis.asyncio import Redis

from api.identity.roles import Scope
from api.problems import InvalidRequest, NotFound
from common import account_keys

#: What every key begins with, so that scanners find a leaked one.
MARK = "cvn_"
#: Keys of one user.
MAX_KEYS = 100

_KEY = re.compile(r"cvn_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class ApiKeyName:
    """What a key says of itself, and what its secret must amount to."""

    id: str
    digest: str

    @classmethod
    def parse(cls, bearer: str) -> Self | None:
        """Read a key; None where it cannot be one of ours."""
        found = _KEY.fullmatch(bearer)
        return cls(found[1], _digest(found[2])) if found else None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept; times in ms of this clock, 0 is never."""

    id: str
    user: str
    name: str
    scopes: tuple[Scope, ...]
    created_ms: int
    expires_ms: int
    used_ms: int = 0

    @classmethod
    def from_hash(cls, key_id: str, raw: dict[str, str]) -> Self:
        """Build a key from its Redis hash."""
        return cls(
            id=key_id,
            user=raw["user"],
            name=raw["name"],
            scopes=tuple(Scope(scope) for scope in raw["scopes"].split()),
            created_ms=int(raw["created_ms"]),
            expires_ms=int(raw["expires_ms"]),
            used_ms=int(raw.get("used_ms") or 0),
        )


class ApiKeys:
    """The keys in Redis."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def create(
        self, user: str, name: str, scopes: Sequence[Scope], lifetime_days: int | None
    ) -> tuple[ApiKey, str]:
        """Make a key; also its text, which nobody can read again. Raises InvalidRequest."""
        held = await cast("Any", self._redis.scard(account_keys.user_keys(user)))
        if held >= MAX_KEYS:
            raise InvalidRequest.about(
                "name", f"0..{MAX_KEYS} keys", name, f"would be key {held + 1}; delete one first"
            )
        now = time.time_ns() // 1_000_000
        key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        expires = now + lifetime_days * 86_400_000 if lifetime_days else 0
        key = ApiKey(key_id, user, name, tuple(scopes), now, expires)
        pipe = self._redis.pipeline()
        pipe.hset(account_keys.api_key(key_id), mapping=_fields(key, _digest(secret)))
        pipe.sadd(account_keys.user_keys(user), key_id)
        if expires:
            pipe.pexpireat(account_keys.api_key(key_id), expires + 30 * 86_400_000)
        await pipe.execute()
        return key, f"{MARK}{key_id}_{secret}"

    async def of(self, user: str) -> list[ApiKey]:
        """The user's keys, newest first; those long expired are dropped."""
        ids = sorted(await cast("Any", self._redis.smembers(account_keys.user_keys(user))))
        pipe = self._redis.pipeline(transaction=False)
        for key_id in ids:
            pipe.hgetall(account_keys.api_key(key_id))
        hashes = dict(zip(ids, await pipe.execute() if ids else [], strict=True))
        gone = [key_id for key_id, raw in hashes.items() if not raw]
        if gone:
            await cast("Any", self._redis.srem(account_keys.user_keys(user), *gone))
        found = [ApiKey.from_hash(key_id, raw) for key_id, raw in hashes.items() if raw]
        return sorted(found, key=lambda key: (key.created_ms, key.id), reverse=True)

    async def delete(self, user: str, key_id: str) -> None:
        """Void a key at once. Raises NotFound."""
        if not await cast("Any", self._redis.srem(account_keys.user_keys(user), key_id)):
            raise NotFound("You have no such API key.")
        await self._redis.delete(account_keys.api_key(key_id))

    async def delete_all(self, user: str) -> None:
        """Void all keys of a user."""
        for key in await self.of(user):
            await self.delete(user, key.id)


def _digest(secret: str) -> str:
    """SHA-256 is enough for a secret of 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _fields(key: ApiKey, digest: str) -> Any:
    return {
        "user": key.user,
        "name": key.name,
        "scopes": " ".join(key.scopes),
        "digest": digest,
        "created_ms": key.created_ms,
        "expires_ms": key.expires_ms,
    }
