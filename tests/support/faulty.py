"""A connection to Redis that breaks, or a worker that dies, at a chosen call."""

from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.client import Pipeline


class Killed(BaseException):
    """The worker is gone: nothing of it catches this."""


class Fault:
    """Fails one call: the ``at``-th, before or after the server has run it."""

    def __init__(self, at: int, error: type[BaseException], *, after: bool) -> None:
        self._left = at
        self._error = error
        self._after = after

    @property
    def happened(self) -> bool:
        return self._left <= 0

    def around(self, call: Callable[[], Any]) -> Any:
        self._left -= 1
        if self._left != 0:
            return call()
        if self._after:
            call()
        raise self._error("the connection broke")


class FaultyRedis(Redis):
    """A client without retries, each of whose calls may be the one that fails."""

    fault: Fault

    def execute_command(self, *args: Any, **options: Any) -> Any:
        run: Callable[..., Any] = super().execute_command
        return self.fault.around(lambda: run(*args, **options))

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:
        pipe = super().pipeline(transaction, shard_hint)
        run = pipe.execute

        def execute(raise_on_error: bool = True) -> Any:
            return self.fault.around(lambda: run(raise_on_error))

        pipe.execute = execute  # type: ignore[method-assign]
        return pipe
