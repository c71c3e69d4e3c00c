"""Argon2id at 19 MiB, one hash at a time, away from the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from api.problems import RateLimited

#: Hashes that may wait for their turn: more would only be answered after their clients left.
MOST_WAITING = 50


class Passwords:
    """Hashes passwords and checks them; each takes tens of milliseconds on purpose."""

    def __init__(self) -> None:
        self._hash = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1),))
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """The hash to keep. Raises RateLimited."""
        return str(await self._run(self._hash.hash, password))

    async def verify(self, password: str, hashed: str) -> bool:
        """Whether the hash is of this password. Raises RateLimited."""
        return bool(await self._run(self._hash.verify, password, hashed))

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[..., object], *args: str) -> object:
        if self._waiting >= MOST_WAITING:
            raise RateLimited("Too many passwords are being checked.", retry_after=2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)
        finally:
            self._waiting -= 1
