"""The ledger: every event on its way to a receiver, and each attempt at it."""

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from redis.asyncio import Redis

from api.pages import rank_after
from api.webhooks.problems import DeliveryNotFound, DeliveryUnfinished, EndpointDisabled
from common import keys
from common.scripts import AsyncScripts
from common.webhooks import Delivery, DeliveryStatus, Try

_ID = re.compile(r"whd_[0-9a-z]{1,64}")
_SUBJECT = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: Rows looked at in one go, and for one page: a rare status may need several pages.
_STRIDE, _LONGEST_WALK = 200, 2000
#: All fields but ``facts``, which may be large.
_FIELDS = (
    *("id", "event_id", "user", "subject", "event", "format", "endpoint", "url", "lane"),
    *("status", "include_result", "created_ms", "due_ms", "completed_ms", "attempts"),
    *("failures", "interrupted", "error"),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A delivery and its attempts, oldest first."""

    delivery: Delivery
    attempts: Sequence[Try]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries; None is any."""

    subject: str | None = None
    endpoint: str | None = None
    status: DeliveryStatus | None = None

    def index(self, user: str) -> str:
        """The key of the shortest list that holds them."""
        if self.subject is not None and _SUBJECT.fullmatch(self.subject):
            return keys.subject_deliveries(self.subject)
        if self.endpoint is not None and _SUBJECT.fullmatch(self.endpoint):
            return keys.endpoint_deliveries(self.endpoint)
        return keys.user_deliveries(user)

    def matches(self, delivery: Delivery) -> bool:
        """Whether this is one of them."""
        return (
            self.subject in (None, delivery.subject)
            and self.endpoint in (None, delivery.endpoint)
            and self.status in (None, delivery.status)
        )


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Some deliveries; ``cursor`` is where the next page begins if ``has_more``."""

    shown: Sequence[Shown]
    cursor: str | None
    has_more: bool


class Deliveries:
    """Every method is for one user; another one's delivery raises DeliveryNotFound."""

    def __init__(self, redis: "Redis", scripts: AsyncScripts) -> None:
        self._redis = redis
        self._scripts = scripts

    async def page(self, user: str, limit: int, after: str | None, wanted: Wanted) -> DeliveryPage:
        """Up to ``limit`` deliveries older than ``after``, newest first. Raises InvalidRequest."""
        index = wanted.index(user)
        await rank_after(self._redis, keys.user_deliveries(user), after, "delivery")
        start = await rank_after(self._redis, index, after, "delivery")
        found, go_on_after = await self._walk(
            index, start, limit, lambda row: row.user == user and wanted.matches(row)
        )
        last = found[-1].id if found else None
        return DeliveryPage(await self._shown(found), go_on_after or last, go_on_after is not None)

    async def get(self, user: str, delivery_id: str) -> Shown:
        """One delivery."""
        rows = await self._rows([delivery_id]) if _ID.fullmatch(delivery_id) else []
        if not rows or rows[0].user != user:
            raise DeliveryNotFound("There is no such delivery.")
        return (await self._shown(rows))[0]

    async def replay(self, user: str, delivery_id: str) -> Shown:
        """Send one again that has ended. Raises DeliveryUnfinished, EndpointDisabled."""
        await self.get(user, delivery_id)
        word, *about = await self._scripts("hook_replay", delivery_id, user, uuid.uuid4().hex)
        if word == "pending":
            raise DeliveryUnfinished.about(
                "status", "succeeded, failed, cancelled", about[0], f"is {about[0]}"
            )
        if word == "disabled":
            raise EndpointDisabled("Its endpoint is disabled or deleted.")
        return await self.get(user, delivery_id)

    async def recover(self, user: str, endpoint_id: str, since_ms: int) -> int:
        """Send what failed since then again, oldest first; how many.

        The caller has seen that the endpoint is the user's, and is not disabled.
        """
        index, recovered = keys.endpoint_deliveries(endpoint_id), 0
        ids = cast("list[str]", await self._redis.zrangebyscore(index, since_ms, "+inf"))
        for start in range(0, len(ids), _STRIDE):
            rows = await self._rows(ids[start : start + _STRIDE])
            failed = [row.id for row in rows if row.status is DeliveryStatus.FAILED]
            answers = await self._scripts.pipeline(
                [("hook_replay", (one, user, uuid.uuid4().hex)) for one in failed]
            )
            recovered += sum(answer[0] == "ok" for answer in answers)
        return recovered

    async def _walk(
        self, index: str, start: int, limit: int, accept: Callable[[Delivery], bool]
    ) -> tuple[list[Delivery], str | None]:
        """Up to ``limit`` accepted ones, and where to go on; None at the end of the index."""
        found: list[Delivery] = []
        ids: list[str] = []
        for _ in range(_LONGEST_WALK // _STRIDE):
            entries = await self._redis.zrevrange(index, start, start + _STRIDE - 1)
            ids = cast("list[str]", entries)
            for row in filter(accept, await self._rows(ids)):
                if len(found) == limit:
                    return found, found[-1].id
                found.append(row)
            if len(ids) < _STRIDE:
                return found, None
            start += len(ids)
        return found, ids[-1]

    async def _rows(self, ids: Sequence[str]) -> list[Delivery]:
        """Those of the deliveries that are still there."""
        pipe = self._redis.pipeline(transaction=False)
        for delivery_id in ids:
            pipe.hmget(keys.delivery(delivery_id), *_FIELDS)
        rows = [
            {name: value for name, value in zip(_FIELDS, row, strict=True) if value is not None}
            for row in await pipe.execute()
        ]
        return [Delivery.from_hash(row) for row in rows if row]

    async def _shown(self, deliveries: Sequence[Delivery]) -> list[Shown]:
        pipe = self._redis.pipeline(transaction=False)
        for delivery in deliveries:
            pipe.lrange(keys.delivery_tries(delivery.id), 0, -1)
        return [
            Shown(delivery, [Try.from_json(text) for text in texts])
            for delivery, texts in zip(deliveries, await pipe.execute(), strict=True)
        ]
