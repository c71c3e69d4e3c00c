"""Hears what is published on one channel, for as long as the process lives."""

from collections.abc import Callable
from threading import Event

import structlog
from redis import Redis
from redis.exceptions import RedisError

log = structlog.get_logger()

#: Seconds between two tries to subscribe.
_RETRY_SECONDS = 1.0


def listen_forever(redis: Redis, channel: str, handle: Callable[[str], None], stop: Event) -> None:
    """Call ``handle`` with every message until ``stop``, outages of Redis included."""
    while not stop.is_set():
        try:
            with redis.pubsub(ignore_subscribe_messages=True) as subscription:
                subscription.subscribe(channel)
                while not stop.is_set():
                    message = subscription.get_message(timeout=1.0)
                    if message is not None:
                        handle(message["data"])
        except RedisError as error:
            log.warning("not heard", channel=channel, error=str(error))
            stop.wait(_RETRY_SECONDS)
