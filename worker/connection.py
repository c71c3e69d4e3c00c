"""The worker's client of Redis."""

from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.retry import Retry


def connect(url: str) -> Redis:
    """A client that gives up on a silent server, and repeats calls: every script allows it."""
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=5.0,
        socket_connect_timeout=2.0,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=1.0), 3),
    )


def connect_impatiently(url: str) -> Redis:
    """A client for those who ask again soon anyhow, such as a scrape: one second, one try."""
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=1.0,
        socket_connect_timeout=1.0,
        retry=Retry(NoBackoff(), 0),
    )
