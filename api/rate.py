"""A rate limit for callers without a token, by their address."""

from fastapi import Request
from redis.exceptions import OutOfMemoryError

from api.admission import rate_headers
from api.problems import RateLimited
from api.state import State
from common import keys


async def count_anonymous(state: State, request: Request) -> None:
    """Count one request of this address. Raises RateLimited, redis.RedisError."""
    limit = state.settings.health_rate_limit_per_minute
    address = request.client.host if request.client else "unknown"
    key = keys.rate(f"health:{address}")
    try:
        allowed, left, wait_ms = await state.scripts(
            "rate", key, limit, 60_000, request.state.request_id
        )
    except OutOfMemoryError:
        return  # nothing can be counted, and somebody wants to know how we are
    if not allowed:
        raise RateLimited(
            f"{limit} requests a minute are allowed without a token; use /livez or /readyz.",
            retry_after=wait_ms / 1000,
            headers=rate_headers(limit, left, wait_ms),
        )
