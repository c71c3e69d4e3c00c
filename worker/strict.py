"""A consumer that a message cannot kill.

What Celery and kombu cannot read ends the process, or is told at length; the message is put back
or lost, and the next life may stumble over it. Here it is thrown away, logged and counted.
"""

from collections.abc import Callable
from functools import partial
from queue import Empty
from typing import Any

import structlog
from celery.worker.consumer import Consumer
from kombu.exceptions import InconsistencyError, OperationalError
from kombu.transport.redis import Channel
from redis.exceptions import RedisError

log = structlog.get_logger()

#: Not the message's fault: the broker is away, or has nothing. Celery goes on by itself.
_NOT_ITS_FAULT = (OSError, OperationalError, RedisError, InconsistencyError, Empty)


class StrictConsumer(Consumer):  # type: ignore[misc]
    """Throws away every message that cannot be understood, and calls ``dropped`` for it."""

    def __init__(self, *args: Any, dropped: Callable[[], None], **kwargs: Any) -> None:
        self._dropped = dropped
        super().__init__(*args, **kwargs)

    def connection_for_read(self, heartbeat: Any = None) -> Any:
        """The connection that brings the messages."""
        connection = self.app.connection_for_read(heartbeat=heartbeat)
        connection.transport.Channel = _strict_channel(self._throw_away)
        return self.ensure_connected(connection)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        """What is called with each message."""
        handle = super().create_task_handler(*args, **kwargs)

        def handle_strictly(message: Any) -> None:
            try:
                handle(message)
            except _NOT_ITS_FAULT:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it may be
                self._throw_away(error, message)

        return handle_strictly

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Its body cannot be read."""
        self._throw_away(exc, message)

    def on_unknown_message(self, body: Any, message: Any) -> None:  # noqa: ARG002
        """It names no task."""
        self._throw_away(ValueError("no task is named"), message)

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002
        """It names a task that is none of ours."""
        self._throw_away(exc, message)

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002
        """It does not say what its task needs."""
        self._throw_away(exc, message)

    def _throw_away(self, error: Exception, message: Any = None) -> None:
        log.warning("a message was thrown away", error=f"{type(error).__name__}: {error}"[:200])
        self._dropped()
        if message is not None and not message.acknowledged:
            message.reject()


def _strict_channel(throw_away: Callable[[Exception], None]) -> type[Channel]:
    """A channel that outlives what is no message at all, such as a line of text."""

    def strictly(read: Callable[[], Any]) -> Any:
        try:
            return read()
        except _NOT_ITS_FAULT:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it may be
            return throw_away(error)

    class StrictChannel(Channel):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
            self.handlers = {kind: partial(strictly, read) for kind, read in self.handlers.items()}

    return StrictChannel
