"""A user's registered receivers of events."""

import re
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import WatchError

from api.pages import rank_after
from api.requests.webhooks import EndpointChange, EndpointRequest
from api.schemas import LIMITS
from api.settings import ApiSettings
from api.webhooks.destination import check_destination
from api.webhooks.problems import EndpointDisabled, EndpointNotFound, TooManyEndpoints
from common import keys
from common.job import new_job_id
from common.scripts import AsyncScripts
from common.signing import new_secret
from common.vault import Vault
from common.webhooks import Endpoint, EventType

_ID = re.compile(r"we_[0-9a-z]{1,64}")


class Endpoints:
    """Every method is for one user; another one's endpoint raises EndpointNotFound."""

    def __init__(
        self, redis: "Redis", scripts: AsyncScripts, vault: Vault, settings: ApiSettings
    ) -> None:
        self._redis = redis
        self._scripts = scripts
        self._vault = vault
        self._settings = settings

    async def create(self, user: str, wanted: EndpointRequest) -> tuple[Endpoint, str]:
        """A new endpoint and its secret. Raises InvalidRequest, TooManyEndpoints."""
        check_destination("url", wanted.url, self._settings)
        endpoint_id, secret, now = new_job_id("we_"), new_secret(), await self._now_ms()
        fields = _fields(wanted.model_dump(exclude={"disabled"}))
        fields |= {"id": endpoint_id, "user": user, "secret": self._vault.seal(secret)}
        fields |= {"enabled": "1", "created_ms": now, "updated_ms": now}
        index = keys.user_endpoints(user)
        pipe = self._redis.pipeline()
        pipe.hset(keys.endpoint(endpoint_id), mapping=fields)
        pipe.zadd(index, {endpoint_id: now})
        pipe.zcard(index)
        have, limit = (await pipe.execute())[-1] - 1, int(LIMITS["endpoints"].maximum)
        if have >= limit:
            await self.delete(user, endpoint_id)
            raise TooManyEndpoints(f"You have {have} endpoints, and {limit} are allowed.")
        if wanted.disabled:
            await self._enable(user, endpoint_id, enabled=False)
        return await self.get(user, endpoint_id), secret

    async def page(self, user: str, limit: int, after: str | None) -> tuple[list[Endpoint], bool]:
        """Up to ``limit`` endpoints older than ``after``, and if there are more."""
        index = keys.user_endpoints(user)
        start = await rank_after(self._redis, index, after, "endpoint")
        found = cast("list[str]", await self._redis.zrevrange(index, start, start + limit))
        pipe = self._redis.pipeline(transaction=False)
        for endpoint_id in found[:limit]:
            pipe.hgetall(keys.endpoint(endpoint_id))
        rows = await pipe.execute()
        return [Endpoint.from_hash(row) for row in rows if "user" in row], len(found) > limit

    async def get(self, user: str, endpoint_id: str) -> Endpoint:
        """One endpoint."""
        return _owned(await self._read(self._redis, endpoint_id), user)

    async def update(self, user: str, endpoint_id: str, change: EndpointChange) -> Endpoint:
        """Change what the client named. Raises InvalidRequest."""
        given = change.model_dump(exclude_unset=True)
        check_destination("url", given.get("url"), self._settings)
        disabled = given.pop("disabled", None)
        fields = {**_fields(given), "updated_ms": await self._now_ms()}
        async with self._redis.pipeline() as pipe:
            while True:
                await pipe.watch(keys.endpoint(endpoint_id))
                _owned(await self._read(cast("Redis", pipe), endpoint_id), user)
                pipe.multi()
                pipe.hset(keys.endpoint(endpoint_id), mapping=fields)
                try:
                    await pipe.execute()
                except WatchError:
                    continue
                break
        if disabled is not None:
            await self._enable(user, endpoint_id, enabled=not disabled)
        return await self.get(user, endpoint_id)

    async def delete(self, user: str, endpoint_id: str) -> None:
        """Forget it; what is still on its way to it is cancelled."""
        await self.get(user, endpoint_id)
        pipe = self._redis.pipeline()
        pipe.delete(keys.endpoint(endpoint_id))
        pipe.zrem(keys.user_endpoints(user), endpoint_id)
        await pipe.execute()

    async def test(self, user: str, endpoint_id: str) -> str:
        """Send it an event, whatever its filter; the delivery's id. Raises EndpointDisabled."""
        await self.get(user, endpoint_id)
        word, *delivery_id = await self._scripts(
            *("hook_send", new_job_id("whd_"), endpoint_id, user),
            *(EventType.ENDPOINT_TEST.value, '{"object": "endpoint"}'),
        )
        if word == "disabled":
            raise EndpointDisabled("The endpoint is disabled: enable it first.")
        if word == "unknown":
            raise EndpointNotFound("There is no such endpoint.")
        return cast("str", delivery_id[0])

    async def _enable(self, user: str, endpoint_id: str, *, enabled: bool) -> None:
        await self._scripts("hook_enable", endpoint_id, user, int(enabled))

    async def _read(self, redis: "Redis", endpoint_id: str) -> dict[str, str]:
        if not _ID.fullmatch(endpoint_id):
            return {}  # a malformed id is an unknown one, and never a key in Redis
        return cast("dict[str, str]", await redis.hgetall(keys.endpoint(endpoint_id)))

    async def _now_ms(self) -> int:
        seconds, microseconds = await self._redis.time()
        return seconds * 1000 + microseconds // 1000


def _owned(row: dict[str, str], user: str) -> Endpoint:
    if row.get("user") != user:
        raise EndpointNotFound("There is no such endpoint.")
    return Endpoint.from_hash(row)


def _fields(given: dict[str, Any]) -> dict[Any, Any]:
    """Fields of a request as the record has them."""
    fields = dict(given)
    if "events" in fields:
        fields["events"] = " ".join(fields["events"] or ())
    if "include_result" in fields:
        fields["include_result"] = int(fields["include_result"])
    return fields
