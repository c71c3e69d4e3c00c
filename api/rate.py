"""A rate limit for callers without a token, by their address."""

import uuid

from fastapi import Request
from redis.exceptions import ResponseError

from api.admission import Window, rate_headers
from api.problems import RateLimited
from api.proxies import bucket_of
from api.state import State
from api.store import refuses_writes
from common import keys


async def count_anonymous(state: State, request: Request) -> dict[str, str]:
    """Count one request of this address; the headers that say what is left.

    Not by its request id, which the client may choose, and choose again.
    Raises RateLimited, redis.RedisError.
    """
    limit = state.settings.health_rate_limit_per_minute
    address = bucket_of(request.client.host) if request.client else "unknown"
    key = keys.rate(f"health:{address}")
    try:
        allowed, left, wait_ms = await state.scripts("rate", key, limit, 60_000, uuid.uuid4().hex)
    except ResponseError as error:
        if not refuses_writes(error):
            raise
        return {}  # nothing can be counted, and somebody wants to know how we are
    headers = rate_headers(Window("health", limit, left, wait_ms))
    if not allowed:
        raise RateLimited(
            f"{limit} requests a minute are allowed without a token; use /livez or /readyz.",
            retry_after=wait_ms / 1000,
            limit="health",
            headers=headers,
        )
    return headers
