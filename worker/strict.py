"""A consumer that a message cannot kill.

Celery throws away what is no JSON; but where a message makes its own code stumble the process
ends and puts the message back, for the next life to stumble over.
"""

from collections.abc import Callable
from typing import Any

import structlog
from celery.worker.consumer import Consumer
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

log = structlog.get_logger()


class StrictConsumer(Consumer):  # type: ignore[misc]
    """Throws away every message that cannot be understood."""

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        """What is called with each message."""
        handle = super().create_task_handler(*args, **kwargs)

        def handle_strictly(message: Any) -> None:
            try:
                handle(message)
            except (OSError, OperationalError, RedisError, *self.connection_errors):
                raise
            except Exception as error:  # noqa: BLE001 - whatever it may be
                log.warning("a message was thrown away", error=str(error)[:200])
                if not message.acknowledged:
                    message.reject()

        return handle_strictly
