"""Names and passwords: in Redis, and the first user's in the settings."""

import secrets
from typing import Any, cast

from redis.asyncio import Redis

from api.identity.passwords import Passwords
from api.identity.roles import Role
from api.problems import InvalidCredentials
from common import keys


class Accounts:
    """Checks names and passwords.

    The first user lives in the settings until a password of that name is in Redis: one that
    is changed there is not stored anywhere else, and no old one stays valid.
    """

    def __init__(self, redis: "Redis", passwords: Passwords, username: str, password: str) -> None:
        self._redis = redis
        self._passwords = passwords
        self._first = username
        self._first_password = password
        self._hashes: tuple[str, str] | None = None

    async def check(self, username: str, password: str) -> Role:
        """The user's role. Raises InvalidCredentials, RateLimited.

        A wrong name, a wrong password and a disabled user are told alike, equally slowly.
        """
        fields = ("password", "disabled", "role")
        stored, disabled, role = await cast("Any", self._redis.hmget(keys.user(username), *fields))
        first, nobody = await self._settings_hashes()
        is_first = username == self._first
        expected = stored or (first if is_first else nobody)
        if not await self._passwords.verify(password, expected) or disabled == "1":
            raise InvalidCredentials("The user name or the password is wrong.")
        return Role(role or (Role.ADMIN if is_first else Role.USER))

    async def _settings_hashes(self) -> tuple[str, str]:
        """The first user's hash, and one that no password matches."""
        if self._hashes is None:
            self._hashes = (
                await self._passwords.hash(self._first_password),
                await self._passwords.hash(secrets.token_hex()),
            )
        return self._hashes
