"""Users: their records in Redis, less everything that nobody may see."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, cast

from redis.asyncio import Redis

from api.guard.policy import Policy
from api.identity.roles import Role
from api.prices import NANO
from api.problems import NameTaken, UserNotFound
from common import account_keys, keys
from common.scripts import AsyncScripts

#: What a change sets: None takes a limit away.
Changes = Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True)
class User:
    """A user; None is the common limit. Times in ms since 1970, 0 is never."""

    name: str
    role: Role
    disabled: bool
    created_ms: int
    updated_ms: int
    rate_limit_per_minute: int | None
    max_jobs: int | None
    monthly_budget_nano: int | None
    tokens_per_minute: int | None
    max_streams: int | None
    prompt_guard: Policy | None

    @classmethod
    def from_hash(cls, name: str, raw: Mapping[str, str], default: Role = Role.USER) -> Self:
        """Build a user from the Redis hash; the password's hash stays behind."""

        def limit(field: str) -> int | None:
            return int(raw[field]) if raw.get(field) else None

        return cls(
            name=name,
            role=Role(raw.get("role") or default),
            disabled=raw.get("disabled") == "1",
            created_ms=int(raw.get("created_ms") or 0),
            updated_ms=int(raw.get("updated_ms") or 0),
            rate_limit_per_minute=limit("rate_limit_per_minute"),
            max_jobs=limit("max_jobs"),
            monthly_budget_nano=limit("budget_nano"),
            tokens_per_minute=limit("tokens_per_minute"),
            max_streams=limit("max_streams"),
            prompt_guard=Policy.known(raw.get("prompt_guard")),
        )


def budget_nano(usd: float | None) -> int | None:
    """Dollars as billionths."""
    return None if usd is None else round(usd * NANO)


class Users:
    """The users in Redis, and the first one, who needs no record to be an administrator."""

    def __init__(self, redis: "Redis", scripts: AsyncScripts, first_user: str) -> None:
        self._redis = redis
        self._scripts = scripts
        self.first_user = first_user

    async def get(self, name: str) -> User:
        """One user. Raises UserNotFound."""
        raw = await cast("Any", self._redis.hgetall(keys.user(name)))
        if not raw and name != self.first_user:
            raise UserNotFound("There is no such user.")
        return self._read(name, raw)

    async def page(self, limit: int, after: str | None) -> tuple[list[User], bool]:
        """Up to ``limit`` users in the order of their names, and whether there are more."""
        names = {str(name) for name in await self._redis.zrange(account_keys.USERS, 0, -1)}
        rest = sorted(name for name in names | {self.first_user} if after is None or name > after)
        pipe = self._redis.pipeline(transaction=False)
        for name in rest[:limit]:
            pipe.hgetall(keys.user(name))
        hashes = await pipe.execute() if rest else []
        read = zip(rest[:limit], hashes, strict=True)
        users = [self._read(name, raw) for name, raw in read if raw or name == self.first_user]
        return users, len(rest) > limit

    async def create(self, name: str, changes: Changes) -> User:
        """A new user. Raises NameTaken."""
        answer = "exists"
        if name != self.first_user:
            answer = await self._save(name, "create", changes)
        if answer == "exists":
            raise NameTaken.about("username", "a free name", name, "is taken")
        if answer == "retired":
            raise NameTaken.about(
                "username", "a free name", name, "belonged to a user whose usage is still kept"
            )
        return await self.get(name)

    async def change(self, name: str, changes: Changes) -> User:
        """Set these fields. Raises UserNotFound."""
        mode = "put" if name == self.first_user else "change"
        if await self._save(name, mode, changes) != "ok":
            raise UserNotFound("There is no such user.")
        return await self.get(name)

    async def delete(self, name: str) -> None:
        """Delete a record; whoever was that user is nobody. Raises UserNotFound."""
        if await self._scripts("user_delete", name, account_keys.USAGE_SECONDS * 1000) != "ok":
            raise UserNotFound("There is no such user.")

    async def _save(self, name: str, mode: str, changes: Changes) -> str:
        pairs = [
            part
            for field, value in changes.items()
            for part in (field, "" if value is None else value)
        ]
        return str(await self._scripts("user_save", name, mode, uuid.uuid4().hex, *pairs))

    def _read(self, name: str, raw: Mapping[str, str]) -> User:
        return User.from_hash(name, raw, Role.ADMIN if name == self.first_user else Role.USER)
