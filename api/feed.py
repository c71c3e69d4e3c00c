"""One channel of Redis, heard with as little as possible between the wire and who listens.

redis-py's own PubSub spends more on a message than all that is done with it here: a tenth of a
millisecond for timeouts, retries and records of each one.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

#: Seconds of silence after which the server is asked whether it is there.
SILENCE_SECONDS = 5.0


class Feed:
    """Subscribes to ``channel``; ``on_begin`` is called once it is heard, then ``on_message``."""

    def __init__(
        self,
        redis: "Redis",
        channel: str,
        on_begin: Callable[[], None],
        on_message: Callable[[str], None],
    ) -> None:
        self._pool = redis.connection_pool
        self._channel = channel
        self._on_begin = on_begin
        self._on_message = on_message
        self._heard = 0

    async def hear(self) -> None:
        """Listen until the connection is lost, or silent for too long. Raises redis.RedisError."""
        connection = self._connection()
        await connection.connect()
        pulse = asyncio.create_task(self._ask_into_silence(connection))
        try:
            await connection.send_command("SUBSCRIBE", self._channel)
            while True:
                self._take(await connection.read_response(timeout=inf))
        finally:
            pulse.cancel()
            await connection.disconnect(nowait=True)

    def _connection(self) -> AbstractConnection:
        """Of the pool's kind; of the older protocol, which has no detour for what is pushed."""
        return self._pool.connection_class(**{**self._pool.connection_kwargs, "protocol": 2})

    def _take(self, answer: Sequence[Any]) -> None:
        self._heard += 1
        kind, *_, last = answer
        if kind == "message":
            self._on_message(last)
        elif kind == "subscribe":
            self._on_begin()

    async def _ask_into_silence(self, connection: AbstractConnection) -> None:
        """Hang up on a server that says nothing, not even when it is asked."""
        with suppress(RedisError):  # the reader has it as well
            while True:
                heard = self._heard
                await asyncio.sleep(SILENCE_SECONDS)
                if self._heard == heard:
                    await connection.send_command("PING")
                    await asyncio.sleep(SILENCE_SECONDS)
                    if self._heard == heard:
                        await connection.disconnect(nowait=True)
