"""Who may log in: accounts in Redis, and the first user from the settings."""

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from redis.asyncio import Redis

from api.problems import InvalidCredentials
from common import keys


class Passwords:
    """Argon2id at 19 MiB, one hash at a time, away from the event loop."""

    def __init__(self) -> None:
        self._hash = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1),))
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")

    async def hash(self, password: str) -> str:
        """The hash to keep."""
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._hash.hash, password
        )

    async def verify(self, password: str, hashed: str) -> bool:
        """Whether the hash is of this password."""
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._hash.verify, password, hashed
        )

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class Accounts:
    """Checks names and passwords.

    The first user lives in the settings until an account of that name is in Redis: a
    password that is changed there is not stored anywhere else, and no old one stays valid.
    """

    def __init__(self, redis: "Redis", passwords: Passwords, username: str, password: str) -> None:
        self._redis = redis
        self._passwords = passwords
        self._first = username
        self._first_password = password
        self._hashes: tuple[str, str] | None = None

    async def check(self, username: str, password: str) -> None:
        """Raises InvalidCredentials, equally slowly for a wrong name and a wrong password."""
        stored = cast("str | None", await self._redis.hget(keys.user(username), "password"))
        first, nobody = await self._settings_hashes()
        expected = stored or (first if username == self._first else nobody)
        if not await self._passwords.verify(password, expected):
            raise InvalidCredentials("The user name or the password is wrong.")

    async def _settings_hashes(self) -> tuple[str, str]:
        """The first user's hash, and one that no password matches."""
        if self._hashes is None:
            self._hashes = (
                await self._passwords.hash(self._first_password),
                await self._passwords.hash(secrets.token_hex()),
            )
        return self._hashes
